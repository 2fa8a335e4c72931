// Children whose parent thread has ended, to be reaped by another thread.
#pragma once

#include <sys/types.h>

namespace multiproc::sys {

void leave_child(pid_t pid);

// Reaps registered children that have ended. Does not block.
void reap_left_children();

}  // namespace multiproc::sys
