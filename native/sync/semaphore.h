// A counting semaphore in one word: bits 0 … 30 count the free permits, bit 31 says that somebody may be parked.
#pragma once

#include <cstdint>

#include "sys/futex.h"

namespace multiproc::sync {

using sys::Word;

constexpr uint32_t kMaxPermits = 0x7fffffff;
constexpr uint32_t kParked = 1u << 31;

bool semaphore_attempt(Word& word, bool parked, sys::FutexSet* set);
bool semaphore_try(Word& word);

constexpr int kTooMany = -1;

// Gives `count` permits back. Returns how many sleepers were woken; kTooMany, with nothing changed, if that made more
// than `limit`.
int semaphore_release(Word& word, uint32_t count, uint32_t limit);

}  // namespace multiproc::sync
