// Children whose parent thread has ended, to be reaped by another thread.
#pragma once

#include <sys/types.h>

namespace multiproc::sys {

// Registers a child for which no thread waits any more.
void leave_child(pid_t pid);

// Reaps the registered children that have ended. Does not block.
void reap_left_children();

}  // namespace multiproc::sys
