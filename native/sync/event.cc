// An event in one word: whether it is set, how often it was set, whether somebody may be parked.
#include "sync/event.h"

namespace multiproc::sync {

namespace {

constexpr int kEverybody = -1;

}  // namespace

bool event_attempt(Word& word, uint32_t before, sys::FutexSet* set) {
  uint32_t seen = word.load(std::memory_order_acquire);
  for (;;) {
    if (event_happened(seen, before)) return true;
    if ((seen & kEventParked) == 0) {
      if (!word.compare_exchange_weak(seen, seen | kEventParked, std::memory_order_acquire)) continue;
      seen |= kEventParked;
    }
    set->add(&word, seen);
    return false;
  }
}

void event_set(Word& word) {
  uint32_t seen = word.load(std::memory_order_relaxed);
  uint32_t next;
  do {
    // Stored again even if it is set already: what this thread did before is seen by whoever finds it set.
    if ((seen & kEventSet) != 0) {
      next = seen;
    } else {
      next = (((seen & kEventGeneration) + 2) & kEventGeneration) | kEventSet;
    }
  } while (!word.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_relaxed));
  if ((seen & kEventParked) != 0) sys::futex_wake(&word, kEverybody);
}

void event_clear(Word& word) { word.fetch_and(~kEventSet, std::memory_order_acq_rel); }

}  // namespace multiproc::sync
