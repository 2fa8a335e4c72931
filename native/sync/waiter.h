// Waiting without blocking: threads of our own that sleep for many targets at once and win them for a JavaScript
// thread.
//
// One Waiter serves one participant. Each of its lanes is a thread that parks for up to 126 targets (futex_waitv takes
// 128 words: one is the lane's doorbell, and targets with one owner share its life word); more targets make more lanes.
// Without futex_waitv there is one lane, which looks at everything every 10 ms.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sync/wait.h"
#include "sys/mapping.h"
#include "sys/result.h"

namespace multiproc::sync {

struct Grant {
  uint32_t ticket;
  int32_t won;
};

class Waiter {
 public:
  // `notify(context)` is called on a lane's thread when grants are ready. It must not call back into the Waiter.
  Waiter(uint32_t owner, void (*notify)(void*), void* context);

  // Stops and joins the threads. What they won and nobody drained is given back. In the child of a fork there is
  // nothing of either: another Waiter must take its place, as its owner is the parent's.
  ~Waiter();

  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // Starts to wait for the target, which lies in `memory`. The ticket is never 0. EAGAIN: no thread can be started.
  sys::Failure arm(const Target& target, std::shared_ptr<sys::Mapping> memory, uint32_t* ticket);

  // Stops waiting. kNotYet, or what had been won already: it now belongs to the caller.
  int32_t disarm(uint32_t ticket);

  // What has been won for the ticket and nobody has drained; kNotYet otherwise.
  int32_t won(uint32_t ticket);

  // Moves what was won since the last call to `grants`.
  void drain(std::vector<Grant>* grants);

  class State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace multiproc::sync
