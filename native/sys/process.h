// Operations on this process, its standard descriptors and its children.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <vector>

#include "sys/result.h"

namespace multiproc::sys {

struct ChildEnd {
  pid_t pid = 0;   // 0: with `no_hang`, no child has ended
  int code = 0;    // exit status, if `signal` is 0
  int signal = 0;  // the signal that killed it, or 0
};

// Decodes a status of waitpid(2).
ChildEnd end_of(int status);

// Waits for a child as waitpid(2) does; signals do not end the wait. ECHILD: there is no such child.
Failure wait_child(pid_t pid, bool no_hang, ChildEnd* end);

// Ends the process at once: no handlers, no destructors, no flushing.
[[noreturn]] void exit_now(int code);

// A predicate called every 100 ms while `write_all` waits; false ends the call with ECANCELED.
struct GoOn {
  bool (*ask)(void*) = nullptr;
  void* context = nullptr;
};

// Writes all bytes. On a full non-blocking descriptor it sleeps until there is room.
Failure write_all(int fd, const void* data, size_t size, GoOn go_on = {});

// Replaces this process's program, as execv(3) does, and passes `fds` on, even those marked close-on-exec. Returns only
// on failure.
Failure become_program(const char* file, char* const args[], const std::vector<int>& fds);

// Makes three open descriptors the standard ones. They may overlap the standard ones.
Failure take_stdio(const int fds[3]);

}  // namespace multiproc::sys
