// Who has arrived at a barrier: a table with an entry for each party of a generation. The table *is* the count, so a
// party that dies in its wait is found by its entry, wherever it was killed.
//
//   state  bits 4 … 63   generation  raised by every passage, and by every reset that ends one
//          bit  3        parked      somebody may sleep: whoever changes the state wakes everybody
//          bit  2        how the generation before the last one ended: 1 broken, 0 passed
//          bit  1        how the last generation ended
//          bit  0        broken      nobody arrives until a reset
//   entry  bits 32 … 63  tag         the generation that it belongs to, plus 2, so that zeros belong to none
//          bit  31       how that generation ended, if bit 30 is set: 1 broken
//          bit  30       told        the state may no longer tell how that generation ended
//          bits 0 … 29   owner       who arrived; 0 once it has left, while the tag stays
//
// Generations use two banks of entries in turn. A party arrives by claiming the first entry of its bank that has
// another tag and whose owner has left or died; the one that claims the last entry ends the generation. So the next but
// one generation cannot begin to pass before everybody has read how this one ended.
#pragma once

#include <atomic>
#include <cstdint>

#include "sync/owner.h"
#include "sys/futex.h"

namespace multiproc::sync {

constexpr uint32_t kMaxParties = 1u << 20;

struct BarrierWords {
  std::atomic<uint64_t> state;
  Word room;  // 1: somebody may sleep until an entry is free
  uint32_t spare;
  double timeout;  // of waits that name none, in ms plus 1; 0: none. For the TypeScript side.
  uint64_t reserved;
};
static_assert(sizeof(BarrierWords) == 32, "the barrier is part of the ABI");

struct Barrier {
  BarrierWords* words;  // 2 × parties entries follow
  uint32_t parties;

  std::atomic<uint64_t>* bank(uint32_t tag) const {
    return reinterpret_cast<std::atomic<uint64_t>*>(words + 1) + (tag & 1) * parties;
  }
};

constexpr uint64_t barrier_entries_size(uint64_t parties) { return 2 * 8 * parties; }

enum : int32_t { kBarrierPassed = 0, kBarrierBroken = 1 };  // how a generation ended; or kNotYet (sync/wait.h)

struct Arrival {
  enum class Kind { arrived, broken, crowded } kind;
  uint32_t index;
  uint32_t tag;
};

// Arrives in the current generation. `crowded`: all its parties have arrived and it has not ended, or an entry still
// belongs to somebody who has not left the generation before the last one.
Arrival barrier_arrive(const Barrier& barrier, uint32_t me);

// How the arrival's generation ended, or kNotYet.
int32_t barrier_outcome(const Barrier& barrier, uint32_t me, uint32_t tag);

// The same; breaks it if a party has died, and otherwise fills `set` with what to sleep on. `parked`: has slept before.
int32_t barrier_attempt(const Barrier& barrier, uint32_t me, uint32_t tag, bool parked, sys::FutexSet* set);

// Whether another arrival makes sense now; `set` is filled if not.
bool barrier_has_room(const Barrier& barrier, uint32_t me, sys::FutexSet* set);

// The last one to arrive lets everybody go, unless somebody has died meanwhile. How the generation ended.
int32_t barrier_complete(const Barrier& barrier, uint32_t me, uint32_t tag);

// A party will not wait any longer: breaks its generation, unless that has ended. How it ended.
int32_t barrier_give_up(const Barrier& barrier, uint32_t me, uint32_t tag);

// A party knows how its generation ended.
void barrier_leave(const Barrier& barrier, uint32_t me, uint32_t tag, uint32_t index);

void barrier_abort(const Barrier& barrier);

// Ends a broken generation, or one in which somebody waits, as broken, and begins the next one.
void barrier_reset(const Barrier& barrier);

// How many have arrived and wait; −1 if it is broken.
int32_t barrier_waiting(const Barrier& barrier);

}  // namespace multiproc::sync
