// The exit status of a process, readable through a pidfd by processes other than its parent.
#pragma once

#include "sys/process.h"

namespace multiproc::sys {

// Reads how an ended process ended. Before it is reaped, /proc reports this to processes that may trace it; after that,
// the pidfd does, since Linux 6.15. Returns false if neither does, and for descriptors other than pidfds.
// MULTIPROC_NO_EXIT_INFO=1 in the environment makes it always return false.
bool process_end(int pidfd, ChildEnd* end);

}  // namespace multiproc::sys
