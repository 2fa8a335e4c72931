// A descriptor that stands for a process: it becomes readable when that has ended.
#pragma once

#include <sys/types.h>

#include "sys/result.h"

namespace multiproc::sys {

// Whether this kernel and sandbox have pidfds (Linux 5.3). MULTIPROC_NO_PIDFD=1 in the environment says no.
bool has_pidfds();

// A pidfd, close-on-exec. ESRCH: there is no such process.
//
// Without pidfds this works for two kinds of processes and is ENOSYS for others. For this process itself it is one end
// of a socket pair whose other end nobody else ever has: given to children, it tells them when this process ends. For a
// child of this process that nobody has reaped it is an eventfd, raised by a thread that waits for the child; it counts
// in this process only.
Failure process_file(pid_t pid, int* fd);

// Sends a signal to the process of a process_file, never to a later one with its pid. ESRCH: it has ended. Without
// pidfds the caller sees to it that it does not reap the child meanwhile.
Failure signal_process(int process, int signal);

}  // namespace multiproc::sys
