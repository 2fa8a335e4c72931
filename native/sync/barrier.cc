// Who has arrived at a barrier: a table with an entry for each party of a generation.
#include "sync/barrier.h"

#include "sync/registry.h"
#include "sync/wait.h"

namespace multiproc::sync {

namespace {

using Entry = std::atomic<uint64_t>;

constexpr int kAllSleepers = -1;
constexpr uint64_t kBroken = 1, kLastBroke = 2, kLastButOneBroke = 4, kSomebodyParked = 8;
constexpr int kGenerationShift = 4;
constexpr uint64_t kTold = 1u << 30, kToldBroken = 1u << 31;

uint32_t current_tag(uint64_t state) { return static_cast<uint32_t>(state >> kGenerationShift) + 2; }
uint32_t tag_of(uint64_t entry) { return static_cast<uint32_t>(entry >> 32); }
uint32_t owner_of(uint64_t entry) { return static_cast<uint32_t>(entry) & kOwnerMask; }
uint64_t entry_of(uint32_t tag, uint32_t owner) { return static_cast<uint64_t>(tag) << 32 | owner; }
bool later(uint32_t tag, uint32_t than) { return static_cast<int32_t>(tag - than) > 0; }
bool occupied(uint64_t entry) { return owner_of(entry) != 0 && !is_dead(owner_of(entry)); }

// The half with the flags and the lower bits of the generation: what sleepers sleep on. The package runs on
// little-endian machines only.
Word* sleeping_word(const Barrier& barrier) { return reinterpret_cast<Word*>(&barrier.words->state); }

bool change(const Barrier& barrier, uint64_t* seen, uint64_t next) {
  if (!barrier.words->state.compare_exchange_strong(*seen, next & ~kSomebodyParked)) return false;
  if ((*seen & kSomebodyParked) != 0) sys::futex_wake(sleeping_word(barrier), kAllSleepers);
  return true;
}

bool end_generation(const Barrier& barrier, uint64_t* seen, bool broken) {
  uint64_t next = ((*seen >> kGenerationShift) + 1) << kGenerationShift;
  if (broken) next |= kLastBroke;
  if ((*seen & kLastBroke) != 0) next |= kLastButOneBroke;
  return change(barrier, seen, next);
}

void break_generation(const Barrier& barrier, uint32_t tag) {
  uint64_t seen = barrier.words->state.load();
  while (current_tag(seen) == tag && (seen & kBroken) == 0 && !change(barrier, &seen, seen | kBroken)) continue;
}

// Its own entry tells a party what the state has forgotten. Who finds nothing there claimed the entry when the
// generation had been reset already: one that passed has no free entries.
int32_t told(const Barrier& barrier, uint32_t me, uint32_t tag) {
  Entry* bank = barrier.bank(tag);
  for (uint32_t i = 0; i < barrier.parties; i++) {
    uint64_t seen = bank[i].load();
    if (tag_of(seen) == tag && owner_of(seen) == me && (seen & kTold) != 0) {
      return (seen & kToldBroken) != 0 ? kBarrierBroken : kBarrierPassed;
    }
  }
  return kBarrierBroken;
}

int32_t outcome(const Barrier& barrier, uint64_t state, uint32_t me, uint32_t tag) {
  switch (current_tag(state) - tag) {
    case 0:
      return (state & kBroken) != 0 ? kBarrierBroken : kNotYet;
    case 1:
      return (state & kLastBroke) != 0 ? kBarrierBroken : kBarrierPassed;
    case 2:
      return (state & kLastButOneBroke) != 0 ? kBarrierBroken : kBarrierPassed;
    default:
      return told(barrier, me, tag);
  }
}

// Before a reset makes the state forget how the generation before the last one ended.
void tell_laggards(const Barrier& barrier, uint64_t state) {
  uint32_t tag = current_tag(state);
  Entry* bank = barrier.bank(tag);
  uint64_t how = kTold | ((state & kLastButOneBroke) != 0 ? kToldBroken : 0);
  for (uint32_t i = 0; i < barrier.parties; i++) {
    uint64_t seen = bank[i].load();
    while (tag_of(seen) == tag - 2 && owner_of(seen) != 0 && (seen & kTold) == 0 &&
           !bank[i].compare_exchange_weak(seen, seen | how)) {
      continue;
    }
  }
}

// How many have arrived; −1 if one of them has died.
int32_t count_living(const Barrier& barrier, uint32_t tag) {
  Entry* bank = barrier.bank(tag);
  int32_t count = 0;
  for (uint32_t i = 0; i < barrier.parties; i++) {
    uint64_t seen = bank[i].load();
    if (tag_of(seen) != tag || owner_of(seen) == 0) continue;
    if (is_dead(owner_of(seen))) return -1;
    count++;
  }
  return count;
}

// Adds the life words of those who have arrived. False if one of them has died.
bool watch_arrivals(const Barrier& barrier, uint32_t me, uint32_t tag, sys::FutexSet* set) {
  Entry* bank = barrier.bank(tag);
  for (uint32_t i = 0; i < barrier.parties; i++) {
    uint64_t seen = bank[i].load();
    uint32_t owner = owner_of(seen);
    if (tag_of(seen) != tag || owner == 0 || owner == me) continue;
    uint32_t life = 0;
    if (!watch_life(owner, &life)) return false;
    set->add(&life_word(registry()->slots[slot_of(owner)]), life);
  }
  return true;
}

// Marks the state, so that whoever changes it wakes the caller. False if it has changed.
bool park_on_state(const Barrier& barrier, uint64_t* state, sys::FutexSet* set) {
  uint64_t marked = *state | kSomebodyParked;
  if (marked != *state && !barrier.words->state.compare_exchange_strong(*state, marked)) return false;
  set->add(sleeping_word(barrier), static_cast<uint32_t>(marked));
  return true;
}

}  // namespace

Arrival barrier_arrive(const Barrier& barrier, uint32_t me) {
  for (;;) {
    uint64_t state = barrier.words->state.load();
    if ((state & kBroken) != 0) return {Arrival::Kind::broken, 0, 0};
    uint32_t tag = current_tag(state);
    Entry* bank = barrier.bank(tag);
    uint32_t i = 0;
    bool stale = false, crowded = false;
    while (i < barrier.parties && !stale && !crowded) {
      uint64_t seen = bank[i].load();
      if (tag_of(seen) == tag) {
        i++;
      } else if (later(tag_of(seen), tag)) {
        stale = true;
      } else if (occupied(seen)) {
        crowded = true;
      } else if (bank[i].compare_exchange_strong(seen, entry_of(tag, me))) {
        // If the generation was reset in between, then just before this arrival: its outcome says so.
        return {Arrival::Kind::arrived, i, tag};
      }
    }
    if (!stale && current_tag(barrier.words->state.load()) == tag) return {Arrival::Kind::crowded, 0, 0};
  }
}

int32_t barrier_outcome(const Barrier& barrier, uint32_t me, uint32_t tag) {
  return outcome(barrier, barrier.words->state.load(), me, tag);
}

int32_t barrier_attempt(const Barrier& barrier, uint32_t me, uint32_t tag, bool parked, sys::FutexSet* set) {
  for (;;) {
    uint64_t state = barrier.words->state.load();
    int32_t ended = outcome(barrier, state, me, tag);
    if (ended != kNotYet) return ended;
    bool others_sleep = (state & kSomebodyParked) != 0;
    if (!park_on_state(barrier, &state, set)) continue;
    if (!watch_arrivals(barrier, me, tag, set)) {
      break_generation(barrier, tag);
      continue;
    }
    // Those who fell asleep before do not watch this party. One of them is enough.
    if (!parked && others_sleep) sys::futex_wake(sleeping_word(barrier), 1);
    return kNotYet;
  }
}

bool barrier_has_room(const Barrier& barrier, uint32_t me, sys::FutexSet* set) {
  for (;;) {
    uint64_t state = barrier.words->state.load();
    if ((state & kBroken) != 0) return true;
    uint32_t tag = current_tag(state);
    Entry* bank = barrier.bank(tag);
    uint32_t i = 0;
    while (i < barrier.parties && tag_of(bank[i].load()) == tag) i++;
    uint64_t seen = i < barrier.parties ? bank[i].load() : 0;
    if (i < barrier.parties && !occupied(seen)) return true;
    if (!park_on_state(barrier, &state, set)) continue;
    if (i == barrier.parties) {
      // All have arrived, and nobody has let them go yet.
      if (watch_arrivals(barrier, me, tag, set)) return false;
      break_generation(barrier, tag);
      continue;
    }
    // Sequentially consistent, with barrier_leave: it empties the entry and then looks here.
    barrier.words->room.store(1);
    if (bank[i].load() != seen) continue;
    set->add(&barrier.words->room, 1);
    uint32_t life = 0;
    if (owner_of(seen) != me) {
      if (!watch_life(owner_of(seen), &life)) continue;
      set->add(&life_word(registry()->slots[slot_of(owner_of(seen))]), life);
    }
    return false;
  }
}

int32_t barrier_complete(const Barrier& barrier, uint32_t me, uint32_t tag) {
  for (;;) {
    uint64_t state = barrier.words->state.load();
    int32_t ended = outcome(barrier, state, me, tag);
    if (ended != kNotYet) return ended;
    if (count_living(barrier, tag) < 0) {
      break_generation(barrier, tag);
    } else if (end_generation(barrier, &state, false)) {
      return kBarrierPassed;
    }
  }
}

int32_t barrier_give_up(const Barrier& barrier, uint32_t me, uint32_t tag) {
  break_generation(barrier, tag);
  return barrier_outcome(barrier, me, tag);
}

void barrier_leave(const Barrier& barrier, uint32_t me, uint32_t tag, uint32_t index) {
  if (index >= barrier.parties) return;
  Entry& entry = barrier.bank(tag)[index];
  uint64_t seen = entry.load();
  do {
    if (tag_of(seen) != tag || owner_of(seen) != me) return;
  } while (!entry.compare_exchange_weak(seen, entry_of(tag, 0)));
  if (barrier.words->room.load() == 0) return;
  barrier.words->room.store(0);
  sys::futex_wake(&barrier.words->room, kAllSleepers);
}

void barrier_abort(const Barrier& barrier) {
  uint64_t seen = barrier.words->state.load();
  while ((seen & kBroken) == 0 && !change(barrier, &seen, seen | kBroken)) continue;
}

void barrier_reset(const Barrier& barrier) {
  for (;;) {
    uint64_t state = barrier.words->state.load();
    if ((state & kBroken) == 0 && tag_of(barrier.bank(current_tag(state))[0].load()) != current_tag(state)) return;
    tell_laggards(barrier, state);
    if (end_generation(barrier, &state, true)) return;
  }
}

int32_t barrier_waiting(const Barrier& barrier) {
  uint64_t state = barrier.words->state.load();
  if ((state & kBroken) != 0) return -1;
  int32_t count = count_living(barrier, current_tag(state));
  if (count < 0) break_generation(barrier, current_tag(state));
  return count;
}

}  // namespace multiproc::sync
