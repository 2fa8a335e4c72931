// How a process ended, as anybody can learn who has a pidfd of it, and not its parent alone.
#pragma once

#include "sys/process.h"

namespace multiproc::sys {

// Of a process that has ended: the kernel tells it from Linux 6.15 on once the process was reaped; until then, and
// before, /proc tells it to whoever may trace the process. False where neither does, and for other files than pidfds.
// MULTIPROC_NO_EXIT_INFO=1 in the environment behaves like such a place.
bool process_end(int pidfd, ChildEnd* end);

}  // namespace multiproc::sys
