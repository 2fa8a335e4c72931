// Ties the life of this process to that of another one.
#pragma once

#include <cstdint>

#include "sys/result.h"

namespace multiproc::sys {

// From now on this process ends when that of the pidfd does: by SIGTERM, and by SIGKILL if it is still there after the
// grace (sys/grace.h). A thread of its own sees to it, whatever the JavaScript thread is busy with. The descriptor
// stays open.
//
// Not PR_SET_PDEATHSIG: that comes when the *thread* ends which made this process, and knows only the real parent.
Failure tie_life_to(int process, int64_t grace_ns);

}  // namespace multiproc::sys
