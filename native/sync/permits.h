// A robust semaphore: a table with one word for each permit, which names its holder. The table is the count, so the
// permits of a dead holder are free again the moment it dies, and no release can be lost or doubled.
//
//   permit word   0          free
//                 owner id   held; free as well once that owner is dead
//   bell          bit 31: somebody may be parked; bits 0 … 30 count the releases that found it set
#pragma once

#include <cstdint>

#include "sync/owner.h"
#include "sys/futex.h"

namespace multiproc::sync {

constexpr uint32_t kMaxRobustPermits = 1u << 20;
constexpr int32_t kNoPermit = -1;

struct Permits {
  Word* bell;
  Word* table;
  uint32_t limit;
};

// The index of the permit taken, or kNoPermit; `set` then holds the bell and the holders' life words.
int32_t permits_attempt(const Permits& permits, uint32_t me, bool parked, sys::FutexSet* set);
int32_t permits_try(const Permits& permits, uint32_t me);

constexpr int kNotMine = -1;

// Gives the permit back and wakes one sleeper. Returns how many were woken, or kNotMine if `me` does not hold it.
int permits_release(const Permits& permits, uint32_t me, uint32_t index);

uint32_t permits_free(const Permits& permits);

}  // namespace multiproc::sync
