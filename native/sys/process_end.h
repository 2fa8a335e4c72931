// The exit status of a process, readable through a pidfd by others than its parent.
#pragma once

#include "sys/process.h"

namespace multiproc::sys {

// Reads how a process ended: from /proc before it is reaped, if this process may trace it; later from the pidfd, since
// Linux 6.15. False if neither reports it, and for descriptors other than pidfds. MULTIPROC_NO_EXIT_INFO=1 in the
// environment makes it always false.
bool process_end(int pidfd, ChildEnd* end);

}  // namespace multiproc::sys
