// The words of a map that C++ knows: its locks, and the slots of values that are being computed. JavaScript does the
// rest by itself (src/shared/map-layout.ts says where all of its words lie).
//
// A slot's turn is raised when a computation ends. Whoever waits for it remembers the turn, and is free when it is
// another one, or when the owner of the computation has died.
//
//   bit  31      PARKED  somebody may be parked: whoever raises the turn wakes everybody
//   bits 0 … 30  the turn
#pragma once

#include <cstdint>

#include "sys/futex.h"

namespace multiproc::sync {

using sys::Word;

struct MapSlot {
  Word turn;
  Word owner;
  uint32_t hash;
  uint32_t room;
};
static_assert(sizeof(MapSlot) == 16, "a slot of a map is part of the ABI");

constexpr uint32_t kMapParked = 1u << 31;

// Offsets from the segment's start. In the head: the lock of the pages, the version, the binary logarithm of the
// shards.
constexpr uint64_t kMapHead = 320;
constexpr uint64_t kMapSlots = 1024;
constexpr uint32_t kMapSlotCount = 512;
constexpr uint64_t kMapShards = kMapSlots + sizeof(MapSlot) * kMapSlotCount;
constexpr uint64_t kMapShardSize = 512;
constexpr uint32_t kMostMapShardBits = 8;
constexpr uint64_t kMapSize = kMapShards + (kMapShardSize << kMostMapShardBits);

// One attempt. On false, `set` holds what to sleep on.
bool map_attempt(MapSlot& slot, uint32_t turn, sys::FutexSet* set);

// Raises the turn, and wakes everybody who waits.
void map_raise(MapSlot& slot);

// The locks name participants of a registry that is gone: they become free and dirty, and nobody computes anything.
void map_adopt(uint8_t* segment);

}  // namespace multiproc::sync
