// A robust lock in one word: who holds it, whether an owner died, whether somebody is parked. States: sync/owner.h.
#pragma once

#include <cstdint>

#include "sync/owner.h"
#include "sys/futex.h"

namespace multiproc::sync {

// One attempt to take the lock. On false, `set` holds what to sleep on: the word, and the life word of its owner.
// `parked` says that the caller has slept for it: it then takes the lock with CONTENDED set, as others may still sleep
// (losing that bit made three processes with 8 ms sections take 113 ms instead of 25).
bool lock_attempt(Word& word, uint32_t me, bool parked, sys::FutexSet* set);

// As above, for callers who will not sleep: leaves no mark on the word when it fails.
bool lock_try(Word& word, uint32_t me);

constexpr int kNotHeld = -1;

// Frees the lock, whoever holds it, and wakes one sleeper. Returns how many were woken, or kNotHeld if it was free.
int lock_release(Word& word);

// Clears DIRTY. Only for the holder: false for anyone else.
bool lock_mark_consistent(Word& word, uint32_t me);

}  // namespace multiproc::sync
