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
// Without pidfds there are two substitutes, and ENOSYS otherwise. For this process: one end of a socket pair whose
// other end only this process holds; children that inherit it see this process end. For an unreaped child: an eventfd,
// valid in this process only, raised by a thread that waits for the child.
Failure process_file(pid_t pid, int* fd);

// Sends a signal to the process of a process_file, never to a later one with its pid. ESRCH: it has ended. Without
// pidfds the caller must not reap the child during the call.
Failure signal_process(int process, int signal);

}  // namespace multiproc::sys
