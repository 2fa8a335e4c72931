// A tie of this process's life to that of another process.
#pragma once

#include <cstdint>

#include "sys/result.h"

namespace multiproc::sys {

// Ends this process when the pidfd's process ends: by SIGTERM, then by SIGKILL after the grace (sys/grace.h). A
// separate thread does this, even while the JavaScript thread is busy. The descriptor must stay open.
//
// Not PR_SET_PDEATHSIG: it fires when the creating *thread* ends, and works only for the real parent.
Failure tie_life_to(int process, int64_t grace_ns);

}  // namespace multiproc::sys
