// The words of a map that C++ knows: its locks, and the slots of values that are being computed.
#include "sync/map.h"

#include <algorithm>

#include "sync/owner.h"
#include "sync/registry.h"

namespace multiproc::sync {

namespace {

constexpr int kEverybody = -1;

}  // namespace

bool map_attempt(MapSlot& slot, uint32_t turn, sys::FutexSet* set) {
  uint32_t seen = slot.turn.load(std::memory_order_acquire);
  for (;;) {
    if (((seen ^ turn) & ~kMapParked) != 0) return true;
    uint32_t owner = slot.owner.load(std::memory_order_acquire) & kOwnerMask;
    uint32_t life = 0;
    if (owner == 0 || !watch_life(owner, &life)) return true;
    if ((seen & kMapParked) == 0) {
      if (!slot.turn.compare_exchange_weak(seen, seen | kMapParked, std::memory_order_acq_rel)) continue;
      seen |= kMapParked;
    }
    set->add(&slot.turn, seen);
    set->add(&life_word(registry()->slots[slot_of(owner)]), life);
    return false;
  }
}

void map_raise(MapSlot& slot) {
  uint32_t seen = slot.turn.load(std::memory_order_relaxed);
  while (!slot.turn.compare_exchange_weak(seen, (seen + 1) & ~kMapParked, std::memory_order_acq_rel)) {
  }
  if ((seen & kMapParked) != 0) sys::futex_wake(&slot.turn, kEverybody);
}

void map_adopt(uint8_t* segment) {
  Word* head = reinterpret_cast<Word*>(segment + kMapHead);
  head[0].store(kDirty);
  uint32_t bits = std::min(head[2].load(), kMostMapShardBits);
  for (uint64_t i = 0; i < 1ull << bits; i++) {
    reinterpret_cast<Word*>(segment + kMapShards + i * kMapShardSize)->store(kDirty);
  }
  MapSlot* slots = reinterpret_cast<MapSlot*>(segment + kMapSlots);
  for (uint32_t i = 0; i < kMapSlotCount; i++) slots[i].owner.store(0);
}

}  // namespace multiproc::sync
