// Sleeping until a ring has something to take, or room to put something.
#include "sync/ring.h"

#include <sched.h>

#include "sys/clock.h"

namespace multiproc::sync {

namespace {

constexpr int64_t kLongestLook = 50'000;
constexpr uint32_t kAsleep = 1;

}  // namespace

int32_t ring_surplus(const RingWords& words, RingWait wait, uint32_t argument) {
  if (wait == RingWait::done) {
    return static_cast<int32_t>(words.facts.done.load() - words.put.count.load() + 1);
  }
  uint32_t state = words.facts.state.load();
  if ((state & (wait == RingWait::items ? kRingEnded : kRingBroken)) != 0) return 1;
  uint32_t gets = words.get.count.load();
  if (wait == RingWait::taken) return static_cast<int32_t>(gets - argument);
  int32_t surplus = static_cast<int32_t>(words.put.count.load() + words.facts.returned.load() - gets - argument);
  // A producer may have died between storing the tail, which puts a message, and counting it.
  if (surplus <= 0 && argument == 0 && words.put.position.load() != words.get.position.load()) return 1;
  return surplus;
}

bool ring_attempt(RingWords& words, RingWait wait, uint32_t argument, bool parked, sys::FutexSet* set) {
  Word& asleep = ring_sleepers(words, wait);
  int32_t surplus = ring_surplus(words, wait, argument);
  if (surplus <= 0) {
    asleep.store(kAsleep);
    surplus = ring_surplus(words, wait, argument);
  }
  if (surplus > 0) {
    // Whoever woke us has cleared the mark, and others may sleep, too. What came while we woke up brought no wake-up.
    if (parked) asleep.store(kAsleep);
    if (parked && surplus > 1) sys::futex_wake(&asleep, 1);
    return true;
  }
  set->add(&asleep, kAsleep);
  return false;
}

bool ring_look(const RingWords& words, RingWait wait, uint32_t argument) {
  int64_t until = sys::monotonic_ns() + kLongestLook;
  do {
    if (ring_surplus(words, wait, argument) > 0) return true;
    sched_yield();
    if (ring_surplus(words, wait, argument) > 0) return true;
    sched_yield();
  } while (sys::monotonic_ns() < until);
  return false;
}

}  // namespace multiproc::sync
