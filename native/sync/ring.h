// The words of a ring: a queue of records in shared memory, with any number of producers and consumers.
//
// What is written and read lies in extents behind these words; JavaScript does that by itself. Here is what needs the
// kernel: sleeping until there is something to take, or room to put something. Head and tail are the only truth; what
// was to change together with them is noted before (`next_…`), so that whoever takes a lock from a dead owner can
// finish or forget it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sys/futex.h"

namespace multiproc::sync {

using sys::Word;

constexpr int kExtents = 32;

struct RingExtent {
  Word used;      // not 0 while there may be records in it that nobody has taken; another number each time
  Word reserved;  // so many pages of it, from its start on, are backed by memory
};

struct alignas(64) RingWords {
  struct alignas(64) {
    Word lock;
    Word position;  // tail or head: where the next record will be written or taken, in units of 8 bytes of the body
    Word count;     // how many were put or taken, ever
    Word other_position;  // the other end's as it was seen last: saves looking at its cache line
    Word other_count;
    Word next_position;  // what is about to be stored in `position`, and `count` with it
    Word next_count;
    Word moving;  // 1 + the extent that is about to be used or let go
    // Of the taking end of a joinable queue, what is about to change.
    Word taker;
    Word next_taken;
    Word acknowledging;
    Word next_done;
    Word next_acknowledged;
    Word acknowledger;
    Word leaving_use;  // of the extent that the taking end is about to let go, its `used`
  } put, get;
  struct alignas(64) {
    Word
        state;  // bit 0: the ring has ended; bit 1: nothing will be taken any more; bit 2: nothing will be put any more
    Word kind;  // what the user of the ring wants to know about it
    Word base;  // size of the first extent in units
    Word extents;
    Word capacity_low;  // in bytes
    Word capacity_high;
    Word putters_asleep;  // 1: somebody may sleep until it can go on. Whoever clears it owes a wake-up
    Word getters_asleep;
    Word chains;  // 1: goes on in further extents rather than waiting for the reader
    Word done;    // messages of a joinable queue that were acknowledged, ever
    Word joiners_asleep;
    Word returned;  // messages of a joinable queue that were given back, and that wait to be taken again
    Word delayed;   // the same, but they are not due yet
  } facts;
  RingExtent extents[kExtents];
};
static_assert(sizeof(RingWords) == 448, "the words of a ring are part of the ABI");
static_assert(offsetof(RingWords, get) == 64 && offsetof(RingWords, facts) == 128 &&
                  offsetof(RingWords, extents) == 192,
              "ABI");

constexpr uint32_t kRingEnded = 1;
constexpr uint32_t kRingBroken = 2;

// What can be waited for.
enum class RingWait : uint32_t {
  items,  // more than `argument` messages are there, or the ring has ended
  taken,  // more messages were ever taken than `argument` says, or nobody will take any more
  done,   // all messages that were put are acknowledged
};

// How many more than asked for there are; positive when the wait is over.
int32_t ring_surplus(const RingWords& words, RingWait wait, uint32_t argument);

inline Word& ring_sleepers(RingWords& words, RingWait wait) {
  if (wait == RingWait::done) return words.facts.joiners_asleep;
  return wait == RingWait::items ? words.facts.getters_asleep : words.facts.putters_asleep;
}

// One attempt. On false, `set` holds what to sleep on. `parked` says that the caller has slept for it.
bool ring_attempt(RingWords& words, RingWait wait, uint32_t argument, bool parked, sys::FutexSet* set);

// Looks for it again and again for up to 50 µs, letting others run.
bool ring_look(const RingWords& words, RingWait wait, uint32_t argument);

}  // namespace multiproc::sync
