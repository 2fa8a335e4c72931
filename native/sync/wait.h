// The one waiting primitive: everything that can be waited for is a Target, which can be attempted.
//
// An attempt either succeeds or says on which words to sleep. The blocking wait here and the waiter threads for promises
// (sync/waiter.h) are two loops around the same attempts.
#pragma once

#include <cstdint>

#include "sync/owner.h"
#include "sync/permits.h"
#include "sys/futex.h"

namespace multiproc::sync {

struct Target {
  enum class Kind : uint32_t { lock = 1, semaphore = 2, permits = 3 };

  Kind kind;
  Word* word;      // the lock, the count, or the bell
  Word* table;     // permits only
  uint32_t limit;  // permits only
  uint64_t key;    // names the object for people: shown in the participant's slot while it is parked

  Permits permits() const { return {word, table, limit}; }
};

constexpr int32_t kNotYet = -1;

// kNotYet, or what was won: the index of a permit, 0 for the other kinds. Adds to `set` where it returns kNotYet.
int32_t attempt(const Target& target, uint32_t me, bool parked, sys::FutexSet* set);

// Gives back what `attempt` won but nobody wants any more.
void give_back(const Target& target, uint32_t me, int32_t won);

// Someone who stops waiting may have swallowed a wake-up that was meant for the next sleeper.
void pass_wake_on(const Target& target, int count = 1);

// Blocks this thread until the target is won or the deadline passed (kNotYet).
int32_t wait_until(const Target& target, uint32_t me, int64_t deadline_ns);

}  // namespace multiproc::sync
