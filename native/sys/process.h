// What a process does with its children and its own end, below everything that Node adds.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <vector>

#include "sys/result.h"

namespace multiproc::sys {

struct ChildEnd {
  pid_t pid = 0;   // 0: `no_hang`, and nobody has ended
  int code = 0;    // exit status, if `signal` is 0
  int signal = 0;  // what killed it
};

// What a status of waitpid(2) says.
ChildEnd end_of(int status);

// Waits for a child as waitpid(2) does; signals do not end the wait. ECHILD: there is no such child.
Failure wait_child(pid_t pid, bool no_hang, ChildEnd* end);

// Ends the process at once: no handlers, no destructors, nothing flushed.
[[noreturn]] void exit_now(int code);

// Asked between two sleeps, every 100 ms: false ends the call with ECANCELED.
struct GoOn {
  bool (*ask)(void*) = nullptr;
  void* context = nullptr;
};

// Writes everything, also to a descriptor that does not block: it then sleeps until there is room.
Failure write_all(int fd, const void* data, size_t size, GoOn go_on = {});

// Replaces the program of this process, as execv(3) does; the new one gets `fds`, whatever they were marked. Returns
// only on failure.
Failure become_program(const char* file, char* const args[], const std::vector<int>& fds);

// Makes three open descriptors this process's standard ones. Any of them may be one of those already.
Failure take_stdio(const int fds[3]);

}  // namespace multiproc::sys
