// A counting semaphore in one word: bits 0 … 30 count the free permits, bit 31 says that somebody may be parked.
#include "sync/semaphore.h"

namespace multiproc::sync {

bool semaphore_attempt(Word& word, bool parked, sys::FutexSet* set) {
  uint32_t seen = word.load(std::memory_order_relaxed);
  for (;;) {
    uint32_t free = seen & kMaxPermits;
    if (free > 0) {
      uint32_t rest = (free - 1) | (parked ? kParked : seen & kParked);
      if (!word.compare_exchange_weak(seen, rest, std::memory_order_acquire, std::memory_order_relaxed)) continue;
      // Two releases in a row wake once, as the first clears the bit: whoever was woken wakes the next.
      if (parked && free > 1) sys::futex_wake(&word, 1);
      return true;
    }
    if (seen != kParked && !word.compare_exchange_weak(seen, kParked, std::memory_order_relaxed)) continue;
    set->add(&word, kParked);
    return false;
  }
}

bool semaphore_try(Word& word) {
  uint32_t seen = word.load(std::memory_order_relaxed);
  do {
    if ((seen & kMaxPermits) == 0) return false;
  } while (!word.compare_exchange_weak(seen, seen - 1, std::memory_order_acquire, std::memory_order_relaxed));
  return true;
}

int semaphore_release(Word& word, uint32_t count, uint32_t limit) {
  uint32_t seen = word.load(std::memory_order_relaxed);
  uint64_t free;
  do {
    free = static_cast<uint64_t>(seen & kMaxPermits) + count;
    if (free > limit) return kTooMany;
  } while (!word.compare_exchange_weak(seen, static_cast<uint32_t>(free), std::memory_order_release,
                                       std::memory_order_relaxed));
  return (seen & kParked) != 0 ? sys::futex_wake(&word, static_cast<int>(count)) : 0;
}

}  // namespace multiproc::sync
