// The time that a process gets to do something before it is ended by force.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace multiproc::sys {

// Counts the time in which the process's main thread could do something: it ran, or slept of its own accord. That it
// waited for a processor on a crowded machine is no reason to take it for one that does not mind; it may get ten times
// the grace in all. Where the kernel does not say who waited, all time counts.
//
// Look every few ten milliseconds.
class Grace {
 public:
  // Begins now. The process is one of this pid namespace.
  Grace(pid_t pid, int64_t grace_ns);

  bool over();

  int64_t used_ns() const { return used_; }

 private:
  // What the kernel has counted for the thread.
  struct Progress {
    int64_t at = 0;
    int64_t ran = 0;
    int64_t waited = 0;
    bool wants_processor = false;
  };

  Progress look() const;

  pid_t pid_;
  int64_t grace_;
  int64_t latest_;
  int64_t used_ = 0;
  Progress last_;
};

}  // namespace multiproc::sys
