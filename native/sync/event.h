// An event in one word: whether it is set, how often it was set, whether somebody may be parked.
//
//   bit  31       parked      somebody may sleep: set() wakes everybody
//   bits 1 … 30   generation  raised by every set() that finds it clear
//   bit  0        set
//
// A waiter remembers the generation at the start of its wait and is free once the event is set or the generation has
// moved: a clear() straight after the set() keeps nobody who waited.
#pragma once

#include <cstdint>

#include "sys/futex.h"

namespace multiproc::sync {

using sys::Word;

constexpr uint32_t kEventSet = 1;
constexpr uint32_t kEventGeneration = 0x7ffffffe;
constexpr uint32_t kEventParked = 1u << 31;

// Whether a wait that began when the word was `before` is over.
inline bool event_happened(uint32_t word, uint32_t before) {
  return (word & kEventSet) != 0 || ((word ^ before) & kEventGeneration) != 0;
}

bool event_attempt(Word& word, uint32_t before, sys::FutexSet* set);

void event_set(Word& word);

void event_clear(Word& word);

}  // namespace multiproc::sync
