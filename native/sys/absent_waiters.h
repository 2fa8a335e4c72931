// Condition variables with waiters that do not exist in a forked child, and the signals that would wait for them.
#pragma once

#include <cstdint>
#include <vector>

namespace multiproc::sys {

// V8 gives its helper threads something to do at every large garbage collection, whatever its flags, by signalling a
// condition variable that they all wait on. In a forked child they are gone and still counted: after a few signals
// glibc waits for one of them to wake up, for ever. A variable whose count of waiters is zero is left alone.
class AbsentWaiters {
 public:
  // In the parent, before the fork: notes the condition variables that other threads are asleep on.
  void note();

  // In the child: nobody waits there any more.
  void forget();

 private:
  std::vector<uint32_t*> counts_;
};

}  // namespace multiproc::sys
