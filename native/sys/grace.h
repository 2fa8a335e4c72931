// The time that a process gets to act before it is killed.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace multiproc::sys {

// Counts the time in which the process's main thread ran or slept voluntarily. Waiting for a processor on a busy
// machine does not count, up to ten times the grace in all. If the kernel does not report such waits, all time counts.
//
// Call `over` every few tens of milliseconds.
class Grace {
 public:
  // Starts counting. `pid` is a process of this pid namespace.
  Grace(pid_t pid, int64_t grace_ns);

  bool over();

  int64_t used_ns() const { return used_; }

 private:
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
