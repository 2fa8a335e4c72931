// The one waiting primitive: everything that can be waited for is a Target, which can be attempted.
//
// An attempt either succeeds or says on which words to sleep. The blocking wait here and the waiter threads for
// promises (sync/waiter.h) are two loops around the same attempts.
#pragma once

#include <cstdint>

#include "sync/barrier.h"
#include "sync/condition.h"
#include "sync/map.h"
#include "sync/owner.h"
#include "sync/permits.h"
#include "sync/pipe.h"
#include "sync/ring.h"
#include "sys/futex.h"

namespace multiproc::sync {

struct Target {
  enum class Kind : uint32_t {
    lock = 1,
    semaphore = 2,
    permits = 3,
    event = 4,
    condition = 5,
    barrier = 6,
    barrier_room = 7,
    pipe_readable = 8,
    pipe_writable = 9,
    computation = 10,
    ring_items = 12,
    ring_taken = 13,
    ring_done = 14
  };

  Kind kind;
  Word* word;             // the lock, the count, the bell, or the event
  Word* table;            // of permits; the words of a condition or a barrier
  uint32_t limit;         // how many permits, or parties of a barrier; the number of a pipe's end
  uint64_t key;           // names the object for people: shown in the participant's slot while it is parked
  uint32_t argument = 0;  // what the kind needs to know about this wait: of an event, the word when it began; of a
                          // condition, how many of the signals are known already; of a barrier, the arrival's tag; of a
                          // computation, the slot's turn when the wait began

  Barrier barrier() const { return {reinterpret_cast<BarrierWords*>(table), limit}; }
  RingWords* ring() const { return reinterpret_cast<RingWords*>(table); }
  RingWait ring_wait() const {
    return static_cast<RingWait>(static_cast<uint32_t>(kind) - static_cast<uint32_t>(Kind::ring_items));
  }
  bool is_ring() const { return kind >= Kind::ring_items; }
  bool is_pipe() const { return kind == Kind::pipe_readable || kind == Kind::pipe_writable; }
  PipeEnd pipe() const { return PipeEnd::of(table, limit); }  // `argument`: the room that is needed
  MapSlot* map_slot() const { return reinterpret_cast<MapSlot*>(word); }
  ConditionWords* condition() const { return reinterpret_cast<ConditionWords*>(table); }
  Permits permits() const { return {word, table, limit}; }
};

constexpr int32_t kNotYet = -1;

// kNotYet, or what was won: the index of a permit, how a barrier's generation ended, 0 for the other kinds. Adds to
// `set` where it returns kNotYet.
int32_t attempt(const Target& target, uint32_t me, bool parked, sys::FutexSet* set);

// Gives back what `attempt` won but nobody wants any more.
void give_back(const Target& target, uint32_t me, int32_t won);

// Someone who stops waiting may have swallowed a wake-up that was meant for the next sleeper.
void pass_wake_on(const Target& target, int count = 1);

// For a thread that has given back and taken again a lock or a permit many times, and whose last release woke a
// sleeper: waits until the sleeper has taken it, for at most 2 ms. Without this the thread's next attempt would be
// there first, again and again, as a sleeper needs some time to wake up.
void give_way(const Target& target);

// Names an object in the registry's `waits`; never 0.
constexpr uint64_t wait_key(uint64_t inode, uint64_t body) { return inode << 24 | (body / 16 & 0xfffffe) | 1; }
constexpr uint64_t inode_of_key(uint64_t key) { return key >> 24; }
// The body modulo 256 MiB, rounded down to 32 bytes.
constexpr uint64_t body_of_key(uint64_t key) { return (key & 0xfffffe) * 16; }

// Asked between two sleeps, at least every 100 ms: false ends the wait as if its deadline had passed.
struct KeepWaiting {
  bool (*ask)(void*) = nullptr;
  void* context = nullptr;
};

// Wins the target if that is possible at once or after a short look, without sleeping.
int32_t look_for(const Target& target, uint32_t me);

// Blocks this thread until the target is won or the deadline passed (kNotYet).
int32_t wait_until(const Target& target, uint32_t me, int64_t deadline_ns, KeepWaiting keep_waiting = {});

}  // namespace multiproc::sync
