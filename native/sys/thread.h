// Threads of this process: start, kernel identifier, and notification of their end.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include "sys/result.h"

namespace multiproc::sys {

// Name by which a fork server distinguishes the addon's threads from a program's.
constexpr const char* kThreadName = "multiproc";

// Starts a thread with all signals held back, for the program's own threads. EAGAIN: no thread can be started.
Failure start_thread(void* (*run)(void*), void* context, pthread_t* thread);

// Returns the calling thread's kernel id, unique on the machine.
pid_t current_thread();

bool thread_exists(pid_t thread);

// Raises the eventfd, through a copy, as the last action of the calling thread, however it ends. The kernel releases
// the thread's robust mutexes shortly after that: see thread_exists. A later call replaces the earlier one.
Failure raise_at_thread_end(int notice);

}  // namespace multiproc::sys
