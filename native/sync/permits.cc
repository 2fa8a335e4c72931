// A robust semaphore: a table with one word for each permit, which names its holder.
#include "sync/permits.h"

#include "sync/registry.h"

namespace multiproc::sync {

namespace {

constexpr int kEverybody = -1;

bool is_free(uint32_t holder) { return (holder & kOwnerMask) == 0 || is_dead(holder & kOwnerMask); }

// Starting where `me` points spreads participants over the table, so that they rarely fight for one word.
int32_t take_any(const Permits& permits, uint32_t me) {
  uint32_t start = slot_of(me) % permits.limit;
  for (uint32_t i = 0; i < permits.limit; i++) {
    uint32_t index = start + i < permits.limit ? start + i : start + i - permits.limit;
    // Sequentially consistent, with the bell: a release stores the permit and then looks at the bell, a waiter marks
    // the bell and then looks at the permits; one of the two must see the other. A relaxed load may overtake the mark
    // (arm64).
    uint32_t holder = permits.table[index].load();
    while (is_free(holder)) {
      uint32_t dead = holder & kOwnerMask;
      if (!permits.table[index].compare_exchange_strong(holder, me)) continue;
      // The kernel wakes one sleeper of a dead holder, who may have left several permits.
      if (dead != 0) sys::futex_wake(&life_word(registry()->slots[slot_of(dead)]), kEverybody);
      return static_cast<int32_t>(index);
    }
  }
  return kNoPermit;
}

// False if a holder turned out to be dead: its permit can be had.
bool watch_holders(const Permits& permits, uint32_t me, sys::FutexSet* set) {
  for (uint32_t i = 0; i < permits.limit && !set->overflowed(); i++) {
    uint32_t holder = permits.table[i].load(std::memory_order_acquire) & kOwnerMask;
    if (holder == 0 || holder == me) continue;
    uint32_t life = 0;
    if (!watch_life(holder, &life)) return false;
    set->add(&life_word(registry()->slots[slot_of(holder)]), life);
  }
  return true;
}

int ring(const Permits& permits) {
  uint32_t bell = permits.bell->load();
  while ((bell & kContended) != 0) {
    if (!permits.bell->compare_exchange_weak(bell, (bell + 1) & ~kContended)) continue;
    return sys::futex_wake(permits.bell, 1);
  }
  return 0;
}

}  // namespace

int32_t permits_try(const Permits& permits, uint32_t me) { return take_any(permits, me); }

int32_t permits_attempt(const Permits& permits, uint32_t me, bool parked, sys::FutexSet* set) {
  for (;;) {
    int32_t index = take_any(permits, me);
    uint32_t bell = 0;
    if (index == kNoPermit) {
      bell = permits.bell->fetch_or(kContended) | kContended;
      index = take_any(permits, me);
    }
    if (index == kNoPermit) {
      set->add(permits.bell, bell);  // first: where futex_waitv is missing, the first word is the one slept on
      if (!watch_holders(permits, me, set)) continue;
      return kNoPermit;
    }
    if (parked) {
      // The release that woke us cleared the bit, but others may still sleep; and two releases wake only once.
      permits.bell->fetch_or(kContended);
      if (permits_free(permits) > 0) sys::futex_wake(permits.bell, 1);
    }
    return index;
  }
}

int permits_release(const Permits& permits, uint32_t me, uint32_t index) {
  if (index >= permits.limit) return kNotMine;
  uint32_t holder = me;
  if (!permits.table[index].compare_exchange_strong(holder, 0)) return kNotMine;
  return ring(permits);
}

uint32_t permits_free(const Permits& permits) {
  uint32_t free = 0;
  for (uint32_t i = 0; i < permits.limit; i++) {
    if (is_free(permits.table[i].load(std::memory_order_acquire))) free++;
  }
  return free;
}

}  // namespace multiproc::sync
