// Waiting for POSIX semaphores without blocking: one thread that sleeps for all of them and takes permits on behalf of
// a JavaScript thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sys/posix_semaphore.h"
#include "sys/result.h"

namespace multiproc::sys {

struct SemaphoreOutcome {
  uint32_t ticket;
  bool won;  // false: the deadline passed
};

// The thread starts with the first wait, and sleeps when there is none. A sleep lasts at most 100 ms;
// beyond 127 semaphores 20 ms, and where futex_waitv or the semaphore's layout is missing 10 ms. In the child of a fork
// a waiter is empty: the waits are the parent's.
class SemaphoreWaiter {
 public:
  // `notify(context)` is called on the waiter's thread when there is something to drain. It must not call back.
  SemaphoreWaiter(void (*notify)(void*), void* context);

  // Stops and joins the thread. Permits that nobody drained are posted back.
  ~SemaphoreWaiter();

  SemaphoreWaiter(const SemaphoreWaiter&) = delete;
  SemaphoreWaiter& operator=(const SemaphoreWaiter&) = delete;

  // Starts a wait. Tickets are never 0. EAGAIN: no thread can be started.
  Failure arm(std::shared_ptr<PosixSemaphore> semaphore, int64_t deadline_ns, uint32_t* ticket);

  // Ends a wait. A permit that it had taken already is posted back.
  void disarm(uint32_t ticket);

  // Moves what came out since the last call to `outcomes`.
  void drain(std::vector<SemaphoreOutcome>* outcomes);

  class State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace multiproc::sys
