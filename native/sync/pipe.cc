// A pipe: messages in shared memory, with any number of processes at either end, and an end that is noticed.
#include "sync/pipe.h"

#include <algorithm>
#include <cstring>

#include "sync/registry.h"

namespace multiproc::sync {

namespace {

constexpr uint32_t kFirst = 1u << 30;
constexpr uint32_t kLast = 1u << 31;
constexpr uint64_t kMask = kPipeCapacity - 1;
constexpr int kEverybody = -1;

// Less room than this is not worth a piece of a large message.
constexpr uint64_t kLeastPiece = kPipeCapacity / 4;
// Larger ones go in pieces, if need be.
constexpr uint64_t kLargestWhole = kPipeCapacity / 2;

struct Piece {
  uint32_t size;
  uint32_t sender;
  uint64_t total;
};
static_assert(sizeof(Piece) == 16, "part of the ABI");

constexpr uint64_t padded(uint64_t size) { return (size + 15) & ~uint64_t{15}; }
constexpr uint64_t room_for(uint64_t size) { return sizeof(Piece) + padded(size); }

uint32_t owner_of(uint64_t entry) { return static_cast<uint32_t>(entry >> 32); }
uint32_t count_of(uint64_t entry) { return static_cast<uint32_t>(entry); }
uint64_t entry_of(uint32_t owner, uint32_t count) { return static_cast<uint64_t>(owner) << 32 | count; }

uint32_t entries_used(const PipeHolders& holders) { return std::min<uint32_t>(holders.used.load(), kPipeHolders); }

void wake(Word& asleep) {
  if (asleep.load() == 0) return;
  asleep.store(0);
  sys::futex_wake(&asleep, kEverybody);
}

// A living holder of the end, or 0.
uint32_t living_holder(const PipeHolders& holders) {
  if (holders.gone.load() != 0) return 0;
  uint32_t before = holders.entered.load();
  for (;;) {
    uint32_t used = entries_used(holders);
    for (uint32_t i = 0; i < used; i++) {
      uint64_t entry = holders.entries[i].load();
      if (count_of(entry) > 0 && !is_dead(owner_of(entry))) return owner_of(entry);
    }
    // Whoever hands the end on leaves after the other one came, who may have come to a place that we had passed.
    uint32_t after = holders.entered.load();
    if (after == before) return 0;
    before = after;
  }
}

// Precondition: nobody holds the end. Everybody at the other end looks again, and finds that out as well.
void tell_gone(PipeEnd end) {
  if (end.mine().gone.exchange(1) != 0) return;
  for (PipeDirection* direction : {&end.out(), &end.in()}) {
    wake(direction->put.asleep);
    wake(direction->get.asleep);
  }
}

bool anybody_at(PipeHolders& holders, PipeEnd from) {
  if (holders.gone.load() != 0) return false;
  if (living_holder(holders) != 0) return true;
  tell_gone({from.words, &holders == &from.words->holders[0] ? 0u : 1u, from.duplex});
  return false;
}

bool lock(Word& word, uint32_t me) {
  uint32_t seen = word.load();
  for (;;) {
    if (seen == me) return true;
    if (seen != 0 && !is_dead(seen)) return false;
    if (word.compare_exchange_strong(seen, me)) return true;
  }
}

// False while somebody else who lives has the lock: its life is then slept on, too.
bool lockable(Word& word, uint32_t me, sys::FutexSet* set) {
  uint32_t seen = word.load();
  if (seen == 0 || seen == me) return true;
  uint32_t life = 0;
  if (!watch_life(seen, &life)) return true;
  if (set != nullptr) set->add(&life_word(registry()->slots[slot_of(seen)]), life);
  return false;
}

void unlock(Word& word, Word& asleep) {
  word.store(0);
  wake(asleep);
}

void copy_in(PipeDirection& direction, uint64_t at, const void* from, uint64_t size) {
  if (size == 0) return;  // an empty message may have no address
  uint64_t start = at & kMask, before = std::min(size, kPipeCapacity - start);
  memcpy(direction.data + start, from, before);
  memcpy(direction.data, static_cast<const uint8_t*>(from) + before, size - before);
}

void copy_out(const PipeDirection& direction, uint64_t at, void* to, uint64_t size) {
  if (size == 0) return;
  uint64_t start = at & kMask, before = std::min(size, kPipeCapacity - start);
  memcpy(to, direction.data + start, before);
  memcpy(static_cast<uint8_t*>(to) + before, direction.data, size - before);
}

// Whether so much can be between the two. Precondition: the caller has the lock of one end, or does not rely on it.
bool possible(uint64_t tail, uint64_t head) {
  return tail - head <= kPipeCapacity && (tail & 15) == 0 && (head & 15) == 0;
}

enum class Next { piece, nothing, damaged };

// The next piece. Without the lock, `damaged` may also mean that head and tail have moved meanwhile.
Next next_piece(const PipeDirection& direction, uint64_t head, Piece* piece) {
  uint64_t tail = direction.put.tail.load();
  if (tail == head) return Next::nothing;
  if (!possible(tail, head)) return Next::damaged;
  // Aligned as it is, it is never torn by the end of the ring.
  memcpy(piece, direction.data + (head & kMask), sizeof *piece);
  if (room_for(piece->size) > tail - head || piece->size > piece->total) return Next::damaged;
  constexpr uint32_t kWhole = kFirst | kLast;
  return (piece->sender & kWhole) == kWhole && piece->size != piece->total ? Next::damaged : Next::piece;
}

// The end that did not change: its sleepers choose anew whose life they watch.
void wake_others(PipeEnd end) {
  wake(end.out().get.asleep);
  wake(end.in().put.asleep);
}

void consume(PipeDirection& direction, uint64_t head, const Piece& piece) {
  direction.get.head.store(head + room_for(piece.size));
  wake(direction.put.asleep);
}

// Whether the rest of a message in part can still come.
bool goes_on(PipeDirection& direction, uint32_t sender) {
  return direction.put.lock.load() == sender && !is_dead(sender);
}

}  // namespace

void pipe_adopt(void* memory, int directions) {
  auto* words = static_cast<PipeWords*>(memory);
  for (PipeHolders& holders : words->holders) memset(static_cast<void*>(&holders), 0, sizeof holders);
  for (int i = 0; i < directions; i++) {
    words->direction[i].put.lock.store(0);
    words->direction[i].get.lock.store(0);
    words->direction[i].get.sender.store(0);
  }
}

bool pipe_enter(PipeEnd end, uint32_t who) {
  PipeHolders& holders = end.mine();
  uint32_t used = entries_used(holders);
  for (uint32_t i = 0; i < used; i++) {
    uint64_t entry = holders.entries[i].load();
    while (owner_of(entry) == who) {
      if (!holders.entries[i].compare_exchange_strong(entry, entry + 1)) continue;
      holders.entered.fetch_add(1);
      return true;
    }
  }
  for (uint32_t i = 0; i < kPipeHolders; i++) {
    uint64_t entry = holders.entries[i].load();
    while (count_of(entry) == 0 || is_dead(owner_of(entry))) {
      if (!holders.entries[i].compare_exchange_strong(entry, entry_of(who, 1))) continue;
      uint32_t before = holders.used.load();
      while (before <= i && !holders.used.compare_exchange_strong(before, i + 1)) {
      }
      holders.entered.fetch_add(1);
      return true;
    }
  }
  return false;
}

void pipe_leave(PipeEnd end, uint32_t who) {
  PipeHolders& holders = end.mine();
  uint32_t used = entries_used(holders);
  for (uint32_t i = 0; i < used; i++) {
    uint64_t entry = holders.entries[i].load();
    bool left = false;
    while (!left && owner_of(entry) == who && count_of(entry) > 0) {
      left = holders.entries[i].compare_exchange_strong(entry, entry - 1);
    }
    if (left) break;
  }
  if (living_holder(holders) == 0) {
    tell_gone(end);
  } else {
    wake_others(end);
  }
}

PipePut pipe_put(PipeEnd end, uint32_t me, const uint8_t* data, uint64_t size, uint64_t* sent) {
  PipeDirection& direction = end.out();
  if (!anybody_at(end.others(), end)) {
    if (direction.put.lock.load() == me) unlock(direction.put.lock, direction.put.asleep);
    return PipePut::broken;
  }
  if (!lock(direction.put.lock, me)) return PipePut::wait;
  for (;;) {
    uint64_t tail = direction.put.tail.load(), head = direction.get.head.load(), rest = size - *sent;
    if (!possible(tail, head)) {
      unlock(direction.put.lock, direction.put.asleep);
      return PipePut::damaged;
    }
    uint64_t room = kPipeCapacity - (tail - head);
    uint64_t now = rest;
    if (room < room_for(rest)) {
      if (room < pipe_needed(size, *sent)) {
        // Between messages others may go first: their message may be smaller.
        if (*sent == 0) unlock(direction.put.lock, direction.put.asleep);
        return PipePut::wait;
      }
      now = room - sizeof(Piece);
    }
    uint32_t marks = (*sent == 0 ? kFirst : 0) | (now == rest ? kLast : 0);
    Piece piece = {static_cast<uint32_t>(now), me | marks, size};
    copy_in(direction, tail, &piece, sizeof piece);
    copy_in(direction, tail + sizeof piece, data + *sent, now);
    *sent += now;
    direction.put.tail.store(tail + room_for(now));
    if (now == rest) {
      unlock(direction.put.lock, direction.put.asleep);
      wake(direction.get.asleep);
      return PipePut::done;
    }
    wake(direction.get.asleep);
  }
}

void pipe_abandon(PipeEnd end, uint32_t me) {
  PipeDirection& direction = end.out();
  if (direction.put.lock.load() != me) return;
  unlock(direction.put.lock, direction.put.asleep);
  wake(direction.get.asleep);
}

void pipe_skip(PipeEnd end, uint32_t me) {
  PipeDirection& direction = end.in();
  Piece piece;
  if (next_piece(direction, direction.get.head.load(), &piece) != Next::piece || (piece.sender & kFirst) != 0) return;
  if (direction.get.lock.load() == me || !lock(direction.get.lock, me)) return;
  direction.get.sender.store(0);
  for (;;) {
    uint64_t head = direction.get.head.load();
    if (next_piece(direction, head, &piece) != Next::piece || (piece.sender & kFirst) != 0) break;
    consume(direction, head, piece);
  }
  unlock(direction.get.lock, direction.get.asleep);
}

PipeTake pipe_take(PipeEnd end, uint32_t me, uint64_t most, uint8_t* data, uint64_t room, uint64_t* size) {
  PipeDirection& direction = end.in();
  if (direction.put.tail.load() == direction.get.head.load()) {
    if (anybody_at(end.others(), end)) return PipeTake::wait;
    // What the last one sent before it went is there now.
    if (direction.put.tail.load() == direction.get.head.load()) return PipeTake::ended;
  }
  if (!lock(direction.get.lock, me)) return PipeTake::wait;
  // Of a message that a receiver had in part when it died, the rest is skipped.
  direction.get.sender.store(0);
  PipeTake result = PipeTake::wait;
  Piece piece;
  for (;;) {
    uint64_t head = direction.get.head.load();
    Next next = next_piece(direction, head, &piece);
    if (next == Next::damaged) {
      result = PipeTake::damaged;
      break;
    }
    if (next == Next::nothing) {
      if (direction.put.tail.load() == head && !anybody_at(end.others(), end) && direction.put.tail.load() == head) {
        result = PipeTake::ended;
      }
      break;
    }
    if ((piece.sender & kFirst) == 0) {
      consume(direction, head, piece);
      continue;
    }
    *size = piece.total;
    if (piece.total > most) {
      result = PipeTake::too_long;
      break;
    }
    if (piece.total > room || (piece.sender & kLast) == 0) {
      // The lock stays taken until the message is here, or given up.
      direction.get.sender.store(piece.sender & kOwnerMask);
      return PipeTake::first;
    }
    copy_out(direction, head + sizeof piece, data, std::min<uint64_t>(piece.size, room));
    consume(direction, head, piece);
    result = PipeTake::whole;
    break;
  }
  unlock(direction.get.lock, direction.get.asleep);
  return result;
}

PipeTake pipe_continue(PipeEnd end, uint32_t me, uint8_t* data, uint64_t room, uint64_t size, uint64_t* got) {
  PipeDirection& direction = end.in();
  uint32_t sender = direction.get.sender.load();
  bool dropped = direction.get.lock.load() != me || sender == 0;
  while (!dropped) {
    uint64_t head = direction.get.head.load();
    Piece piece;
    bool may_come = goes_on(direction, sender);
    Next next = next_piece(direction, head, &piece);
    if (next == Next::nothing && may_come) return PipeTake::wait;
    if (next != Next::piece) {
      dropped = true;
    } else if ((piece.sender & kOwnerMask) != sender || ((piece.sender & kFirst) != 0) != (*got == 0) ||
               piece.size > size - *got) {
      // Another message: the rest of this one was never sent.
      dropped = true;
    } else if (piece.size > room - *got) {
      return PipeTake::more;
    } else {
      copy_out(direction, head + sizeof piece, data + *got, piece.size);
      *got += piece.size;
      consume(direction, head, piece);
      if ((piece.sender & kLast) == 0) continue;
      if (*got != size) break;
      pipe_drop(end, me);
      return PipeTake::whole;
    }
  }
  pipe_drop(end, me);
  return PipeTake::dropped;
}

void pipe_drop(PipeEnd end, uint32_t me) {
  PipeDirection& direction = end.in();
  if (direction.get.lock.load() != me) return;
  direction.get.sender.store(0);
  unlock(direction.get.lock, direction.get.asleep);
}

namespace {

bool can_read(PipeEnd end, uint32_t me, sys::FutexSet* set) {
  PipeDirection& direction = end.in();
  if (!lockable(direction.get.lock, me, set)) return false;
  uint64_t head = direction.get.head.load();
  if (direction.put.tail.load() != head) return true;
  uint32_t sender = direction.get.lock.load() == me ? direction.get.sender.load() : 0;
  if (sender != 0 && !goes_on(direction, sender)) return true;
  uint32_t holder = sender != 0 ? sender : living_holder(end.others());
  uint32_t life = 0;
  if (holder == 0 || (holder != me && !watch_life(holder, &life))) return true;
  if (set != nullptr && holder != me) set->add(&life_word(registry()->slots[slot_of(holder)]), life);
  return direction.put.tail.load() != head;
}

bool can_write(PipeEnd end, uint32_t me, uint32_t needed, sys::FutexSet* set) {
  PipeDirection& direction = end.out();
  if (end.others().gone.load() != 0) return true;
  uint32_t holder = living_holder(end.others()), life = 0;
  if (holder == 0 || (holder != me && !watch_life(holder, &life))) return true;
  if (set != nullptr && holder != me) set->add(&life_word(registry()->slots[slot_of(holder)]), life);
  if (!lockable(direction.put.lock, me, set)) return false;
  uint64_t tail = direction.put.tail.load(), head = direction.get.head.load();
  return !possible(tail, head) || kPipeCapacity - (tail - head) >= needed;
}

}  // namespace

uint32_t pipe_needed(uint64_t size, uint64_t sent) {
  uint64_t rest = room_for(size - sent);
  return static_cast<uint32_t>(size > kLargestWhole ? std::min(rest, kLeastPiece) : rest);
}

bool pipe_readable(PipeEnd end, uint32_t me, sys::FutexSet* set) {
  if (set == nullptr) return can_read(end, me, nullptr);
  Word& asleep = end.in().get.asleep;
  set->add(&asleep, 1);
  asleep.store(1);
  return can_read(end, me, set);
}

bool pipe_writable(PipeEnd end, uint32_t me, uint32_t needed, sys::FutexSet* set) {
  if (set == nullptr) return can_write(end, me, needed, nullptr);
  Word& asleep = end.out().put.asleep;
  set->add(&asleep, 1);
  asleep.store(1);
  return can_write(end, me, needed, set);
}

}  // namespace multiproc::sync
