// Children of this process whose thread has ended before them: they are reaped when somebody comes by.
#pragma once

#include <sys/types.h>

namespace multiproc::sys {

// Nobody else waits for this child any more.
void leave_child(pid_t pid);

// Reaps those that were left and have ended. Blocks on nothing.
void reap_left_children();

}  // namespace multiproc::sys
