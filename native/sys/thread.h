// Threads of this process: how ours are started, how the kernel knows them, and a notice of their end.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include "sys/result.h"

namespace multiproc::sys {

// What our threads are called, so that a fork server tells them from those of a program.
constexpr const char* kThreadName = "multiproc";

// Starts a thread that takes no signals: these are for the program's own threads. EAGAIN: there is no room for one.
Failure start_thread(void* (*run)(void*), void* context, pthread_t* thread);

// The calling thread's id, which it shares with no other thread of the machine.
pid_t current_thread();

// Whether this process still has the thread.
bool thread_exists(pid_t thread);

// Has the calling thread raise the eventfd as the last thing it does, however it ends. It keeps a copy of its own. What
// the kernel does for a thread that has ended (the robust mutexes that it held) comes shortly after: see thread_exists.
// A later call takes the place of the earlier one.
Failure raise_at_thread_end(int notice);

}  // namespace multiproc::sys
