// A pipe: messages in shared memory, with any number of processes at either end, and an end that is noticed.
//
// One direction is a ring of bytes between a tail and a head, which only ever grow. Whoever holds the put lock writes
// beyond the tail and then stores it: a sender that dies half-way leaves nothing. A message that is larger than the
// ring goes in pieces, the lock held all the while; the first piece says how long the message is and who sends it. If
// that sender is not the lock's owner any more, no further piece will come, and the pieces are dropped.
//
//   piece: size (4 bytes), sender with kFirst and kLast (4), size of the whole message (8), bytes; padded to 16
//
// The locks are owner words (sync/owner.h) without marks: whoever cannot go on, because of a lock or for want of
// messages or room, sleeps on the direction's one word for that, and whoever changes any of it wakes everybody there.
//
// Who has an end open is a table of participants, each with how often: open here, or on its way from here. The living
// count. An end without living holders is gone for good: then the other one reads what is left, and EOF.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "sync/owner.h"
#include "sys/futex.h"

namespace multiproc::sync {

constexpr uint32_t kPipeCapacity = 128 * 1024;
constexpr int kPipeHolders = 1022;

// Who has one end open. An entry: participant in the upper half, how often in the lower.
struct PipeHolders {
  Word used;  // entries from here on were never used
  Word gone;  // 1: nobody has it, or will ever have it again
  std::atomic<uint64_t> entries[kPipeHolders];
  Word entered;  // counts those who came: whoever looks for holders meanwhile looks again
  Word reserved;
};
static_assert(sizeof(PipeHolders) == 8192, "the table of holders is part of the ABI");

struct PipeDirection {
  struct alignas(64) {
    Word lock;
    Word asleep;  // 1: senders may be asleep here. Whoever clears it wakes them
    std::atomic<uint64_t> tail;
  } put;
  struct alignas(64) {
    Word lock;
    Word asleep;
    std::atomic<uint64_t> head;
    Word sender;  // whose message the owner of the lock has received in part; 0 between messages
  } get;
  uint8_t data[kPipeCapacity];
};
static_assert(sizeof(PipeDirection) == 128 + kPipeCapacity, "the words of a pipe are part of the ABI");

// `directions` is 2, or 1 in a pipe that goes from end 1 to end 0 alone.
struct PipeWords {
  PipeHolders holders[2];  // of end 0 and end 1
  PipeDirection direction[2];
};

// Where the words lie in the body of a block.
constexpr uint32_t kPipeOffset = 32;

constexpr uint64_t pipe_size(int directions) {
  return sizeof(PipeHolders) * 2 + sizeof(PipeDirection) * static_cast<uint64_t>(directions);
}

// A pipe as one of its ends sees it.
struct PipeEnd {
  PipeWords* words;
  uint32_t side;  // 0 or 1
  bool duplex;

  // As JavaScript counts ends: bit 0 the side, bit 1 whether both directions are there.
  static PipeEnd of(void* words, uint32_t number) {
    return {static_cast<PipeWords*>(words), number & 1, (number & 2) != 0};
  }

  PipeDirection& out() const { return words->direction[duplex ? side : 0]; }
  PipeDirection& in() const { return words->direction[duplex ? 1 - side : 0]; }
  PipeHolders& mine() const { return words->holders[side]; }
  PipeHolders& others() const { return words->holders[1 - side]; }
};

// Nobody has the pipe open: what names participants of a registry that is gone is cleared.
void pipe_adopt(void* words, int directions);

// One more holder; false if the table is full of living ones.
bool pipe_enter(PipeEnd end, uint32_t who);
// One less. If nobody is left, everybody at the other end is told.
void pipe_leave(PipeEnd end, uint32_t who);

enum class PipePut { done, wait, broken, damaged };

// Goes on sending a message of which `*sent` bytes have left. `broken`: nobody can receive it; `damaged`: head and tail
// cannot be what they are.
PipePut pipe_put(PipeEnd end, uint32_t me, const uint8_t* data, uint64_t size, uint64_t* sent);
// The rest of a message is not sent: what was received of it is dropped.
void pipe_abandon(PipeEnd end, uint32_t me);

enum class PipeTake { whole, first, more, wait, ended, too_long, dropped, damaged };

// Receives the next message, at most `most` bytes long, of which `room` fit into `data`.
//   whole      `*size` bytes are there
//   first      the message is longer than `room`, or not all here: it has `*size` bytes. Continue with `pipe_continue`
//   too_long   it has `*size` bytes and stays where it is
//   damaged    what is there is no message, and nothing can be received any more
// Precondition: this thread has no message received in part.
PipeTake pipe_take(PipeEnd end, uint32_t me, uint64_t most, uint8_t* data, uint64_t room, uint64_t* size);

// Goes on receiving a message of `size` bytes into `data`, which has room for `room` of them, and of which `*got` are
// there: whole, more (the next piece needs more room; `kPipeCapacity` is always enough), wait, or dropped: its sender
// is gone.
PipeTake pipe_continue(PipeEnd end, uint32_t me, uint8_t* data, uint64_t room, uint64_t size, uint64_t* got);

// Skips what is left of a message whose receiver gave up or died, so that `pipe_readable` tells about a whole one.
void pipe_skip(PipeEnd end, uint32_t me);

// The message in part is not wanted any more.
void pipe_drop(PipeEnd end, uint32_t me);

// How much room a message needs to go on.
uint32_t pipe_needed(uint64_t size, uint64_t sent);

// Whether receiving (or sending) may go on. If not, and there is a set, it gets what to sleep on.
bool pipe_readable(PipeEnd end, uint32_t me, sys::FutexSet* set);
bool pipe_writable(PipeEnd end, uint32_t me, uint32_t needed, sys::FutexSet* set);

}  // namespace multiproc::sync
