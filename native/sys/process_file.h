// A descriptor for a process, readable once the process has ended.
#pragma once

#include <sys/types.h>

#include "sys/result.h"

namespace multiproc::sys {

// Returns whether the kernel and the sandbox allow pidfds (Linux 5.3). MULTIPROC_NO_PIDFD=1 in the environment disables
// them.
bool has_pidfds();

// Opens a pidfd, close-on-exec. ESRCH: there is no such process.
//
// Without pidfds there are substitutes for two kinds of processes, and ENOSYS for others. For this process: one end of
// a socket pair whose other end only this process holds; children that inherit it see the end of this process. For an
// unreaped child: an eventfd, valid in this process only, raised by a thread that waits for the child.
Failure process_file(pid_t pid, int* fd);

// Sends a signal to the process of a process_file, never to a later process with the same pid. ESRCH: the process has
// ended. Without pidfds the caller must not reap the child during the call.
Failure signal_process(int process, int signal);

}  // namespace multiproc::sys
