// Who waits for a condition: one record for each participant, found by its slot in the registry.
//
//   record  bit  63        parked    somebody may sleep for it
//           bits 32 … 61   owner     the participant that waits; of another life of the slot: nobody
//           bits 16 … 31   waiting   waits of it that nobody has notified
//           bits  0 … 15   signals   waits of it that were notified and do not hold the lock again yet
//   map     a bit for each record that may be in use, and `groups` one for each word of the map, so that nobody looks
//   at
//           4,096 of them
//   owed    whether a sleeper may have been notified and not woken yet
//
// A notify moves waits from `waiting` to `signals`. It does not wake: a sleeper that woke now would find the lock held
// and go to sleep again. The wake-up is owed by whoever frees the lock, and if he dies before, the sleepers look for
// themselves at the end of their bounded sleep. A waiter takes its signal out of its record only when it holds the
// condition's lock again, so the signals of one that died before are still there, and pass to another.
// Entering and notifying need the lock; taking signals over from the dead and giving up do not.
#pragma once

#include <atomic>
#include <cstdint>

#include "sync/owner.h"
#include "sys/futex.h"

namespace multiproc::sync {

constexpr uint32_t kMostConditionWaits = 0xffff;  // of one participant at once
constexpr uint32_t kEverybodyWaiting = UINT32_MAX;

struct ConditionWords {
  Word cursor;  // the slot after the last one notified: all get their turn
  Word owed;
  std::atomic<uint64_t> groups;
  uint64_t reserved[6];
  std::atomic<uint64_t> map[kSlots / 64];
  std::atomic<uint64_t> records[kSlots];
};
static_assert(sizeof(ConditionWords) == 64 + kSlots / 8 + 8 * kSlots, "the condition is part of the ABI");

// One more wait of `me`. False if there are kMostConditionWaits already.
bool condition_enter(ConditionWords& words, uint32_t me);

// Whether more waits of `me` are notified than the `claimed` ones that know it already; `set` holds what to sleep on
// otherwise. Passes on what the dead were notified of.
bool condition_attempt(ConditionWords& words, uint32_t me, uint32_t claimed, sys::FutexSet* set);

bool condition_signalled(const ConditionWords& words, uint32_t me, uint32_t claimed);

// A wait gives up. False if it has been notified meanwhile.
bool condition_leave(ConditionWords& words, uint32_t me, uint32_t claimed);

// A notified wait has the lock again, or will never want it.
void condition_consume(ConditionWords& words, uint32_t me);

// Notifies `count` waits of the living, and as many as the dead were notified of. Returns how many were notified. As
// soon as the lock is free, condition_wake() must follow.
uint32_t condition_notify(ConditionWords& words, uint32_t count);

// Wakes the sleepers that have been notified.
void condition_wake(ConditionWords& words);

// Whether there may be some.
inline bool condition_owes(const ConditionWords& words) { return words.owed.load() != 0; }

// Waits of the living that nobody has notified.
uint32_t condition_waiting(const ConditionWords& words);

}  // namespace multiproc::sync
