// A robust lock in one word: who holds it, whether an owner died, whether somebody is parked. States: sync/owner.h.
#include "sync/lock.h"

#include "sync/registry.h"

namespace multiproc::sync {

namespace {

constexpr int kEverybody = -1;

// Whoever finds an owner in the word asks its life word next, so taking a lock publishes that life and looking at the
// word acquires it. Otherwise a new participant's first lock might be seen before its life, and be taken from it.
constexpr auto kTaken = std::memory_order_acq_rel;
constexpr auto kSeen = std::memory_order_acquire;

// The kernel wakes one sleeper of a dead owner. Whoever takes over wakes the rest: each may wait for another lock.
bool take_over(Word& word, uint32_t* seen, uint32_t me) {
  uint32_t dead = *seen & kOwnerMask;
  if (!word.compare_exchange_strong(*seen, me | kDirty | kContended, kTaken, kSeen)) return false;
  sys::futex_wake(&life_word(registry()->slots[slot_of(dead)]), kEverybody);
  return true;
}

bool take_free(Word& word, uint32_t* seen, uint32_t me, bool parked) {
  uint32_t mine = me | (*seen & (kDirty | kContended)) | (parked ? kContended : 0);
  return word.compare_exchange_strong(*seen, mine, kTaken, kSeen);
}

}  // namespace

bool lock_attempt(Word& word, uint32_t me, bool parked, sys::FutexSet* set) {
  uint32_t seen = word.load(kSeen);
  for (;;) {
    uint32_t owner = seen & kOwnerMask;
    if (owner == 0) {
      if (take_free(word, &seen, me, parked)) return true;
      continue;
    }
    uint32_t life = 0;
    bool mine = owner == me;
    if (!mine && !watch_life(owner, &life)) {
      if (take_over(word, &seen, me)) return true;
      continue;
    }
    if ((seen & kContended) == 0) {
      if (!word.compare_exchange_strong(seen, seen | kContended, kTaken, kSeen)) continue;
      seen |= kContended;
    }
    set->add(&word, seen);
    if (!mine) set->add(&life_word(registry()->slots[slot_of(owner)]), life);
    return false;
  }
}

bool lock_try(Word& word, uint32_t me) {
  uint32_t seen = word.load(kSeen);
  for (;;) {
    uint32_t owner = seen & kOwnerMask;
    if (owner == 0) {
      if (take_free(word, &seen, me, false)) return true;
    } else if (owner != me && is_dead(owner)) {
      if (take_over(word, &seen, me)) return true;
    } else {
      return false;
    }
  }
}

int lock_release(Word& word) {
  uint32_t seen = word.load(std::memory_order_relaxed);
  do {
    if ((seen & kOwnerMask) == 0) return kNotHeld;
  } while (!word.compare_exchange_weak(seen, seen & kDirty, std::memory_order_release, std::memory_order_relaxed));
  return (seen & kContended) != 0 ? sys::futex_wake(&word, 1) : 0;
}

bool lock_mark_consistent(Word& word, uint32_t me) {
  uint32_t seen = word.load(std::memory_order_relaxed);
  do {
    if ((seen & kOwnerMask) != me) return false;
  } while (!word.compare_exchange_weak(seen, seen & ~kDirty, std::memory_order_relaxed));
  return true;
}

}  // namespace multiproc::sync
