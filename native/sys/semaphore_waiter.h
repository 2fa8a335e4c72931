// Asynchronous waits for POSIX semaphores: one thread parks for all of them and takes permits for a JavaScript thread.
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

// Starts its thread with the first wait. One park lasts at most 100 ms; beyond 127 semaphores 20 ms; without
// futex_waitv or the semaphore's layout 10 ms; without waits it is unbounded. Empty in a forked child: the waits are
// the parent's.
class SemaphoreWaiter {
 public:
  // Calls `notify(context)` on its thread when `drain` has results. It must not call back.
  SemaphoreWaiter(void (*notify)(void*), void* context);

  // Joins the thread. Posts undrained permits back.
  ~SemaphoreWaiter();

  SemaphoreWaiter(const SemaphoreWaiter&) = delete;
  SemaphoreWaiter& operator=(const SemaphoreWaiter&) = delete;

  // Starts a wait. Tickets are never 0. EAGAIN: no thread can be started.
  Failure arm(std::shared_ptr<PosixSemaphore> semaphore, int64_t deadline_ns, uint32_t* ticket);

  // Ends a wait. Posts its permit back, if it has taken one.
  void disarm(uint32_t ticket);

  // Appends the outcomes since the last call to `outcomes`.
  void drain(std::vector<SemaphoreOutcome>* outcomes);

  class State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace multiproc::sys
