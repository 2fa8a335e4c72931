// Condition variables whose recorded waiters do not exist in a forked child.
#pragma once

#include <cstdint>
#include <vector>

namespace multiproc::sys {

// Clears the waiter counts that would block `pthread_cond_signal` in a forked child. V8 signals a condition variable of
// its helper threads at every large garbage collection, under any flags. The child has no such threads, but counts
// them: after a few signals glibc waits indefinitely for one of them to wake.
class AbsentWaiters {
 public:
  // Records the condition variables on which other threads sleep, before the fork.
  void note();

  // Clears the recorded counts in the child.
  void forget();

 private:
  std::vector<uint32_t*> counts_;
};

}  // namespace multiproc::sys
