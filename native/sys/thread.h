// Threads of this process as the kernel knows them, and a notice of their end.
#pragma once

#include <sys/types.h>

#include "sys/result.h"

namespace multiproc::sys {

// The calling thread's id, which it shares with no other thread of the machine.
pid_t current_thread();

// Whether this process still has the thread.
bool thread_exists(pid_t thread);

// Has the calling thread raise the eventfd as the last thing it does, however it ends. It keeps a copy of its own. What
// the kernel does for a thread that has ended (the robust mutexes that it held) comes shortly after: see thread_exists.
// A later call takes the place of the earlier one.
Failure raise_at_thread_end(int notice);

}  // namespace multiproc::sys
