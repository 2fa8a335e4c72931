// Who owns a word: the 30 bits that name one life of one participant, with two bits beside them.
//
//   bit  31        CONTENDED   somebody may be parked: release by the slow path
//   bit  30        DIRTY       an owner died (or ended) holding it, and nobody called markConsistent() since
//   bits 12 … 29   generation  of the participant's slot, 1 … 2^18−1
//   bits  0 … 11   slot        in the registry
//
//   state       word                                meaning
//   FREE        0                                   zero-filled memory is an unlocked lock
//   FREE_DIRTY  DIRTY                               the next acquire goes native and gets `me | DIRTY`
//   HELD        owner, with DIRTY and CONTENDED as they apply
//
// CONTENDED without an owner is never stored: a store of "waiters, no owner" followed by a wake-up that never comes
// (its sender died) would leave a word that nobody may take by the fast path and nobody wakes for.
#pragma once

#include <cstdint>

#include "sys/futex.h"

namespace multiproc::sync {

using sys::Word;

constexpr uint32_t kSlotBits = 12;
constexpr uint32_t kGenerationBits = 18;
constexpr uint32_t kSlots = 1u << kSlotBits;
constexpr uint32_t kMaxGeneration = (1u << kGenerationBits) - 1;
constexpr uint32_t kOwnerMask = (1u << (kSlotBits + kGenerationBits)) - 1;
constexpr uint32_t kDirty = 1u << 30;
constexpr uint32_t kContended = 1u << 31;
static_assert(kOwnerMask == 0x3fffffff, "owner ids fill bits 0 to 29");

constexpr uint32_t owner_id(uint32_t slot, uint32_t generation) { return generation << kSlotBits | slot; }
constexpr uint32_t slot_of(uint32_t owner) { return owner & (kSlots - 1); }
constexpr uint32_t generation_of(uint32_t owner) { return (owner & kOwnerMask) >> kSlotBits; }

}  // namespace multiproc::sync
