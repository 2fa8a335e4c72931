// Who waits for a condition: one record for each participant, found by its slot in the registry.
#include "sync/condition.h"

#include "sync/registry.h"

namespace multiproc::sync {

namespace {

using Record = std::atomic<uint64_t>;

constexpr int kAllSleepers = -1;
constexpr uint64_t kOneWaiting = 1 << 16;
constexpr uint64_t kParked = uint64_t{1} << 63;

uint32_t owner_of(uint64_t record) { return static_cast<uint32_t>(record >> 32) & kOwnerMask; }
uint32_t waiting_of(uint64_t record) { return static_cast<uint32_t>(record >> 16) & 0xffff; }
uint32_t signals_of(uint64_t record) { return static_cast<uint32_t>(record) & 0xffff; }
uint64_t record_of(uint32_t owner) { return static_cast<uint64_t>(owner) << 32; }

// Its counts: what sleepers sleep on. The package runs on little-endian machines only.
Word* counts(const Record& record) { return reinterpret_cast<Word*>(const_cast<Record*>(&record)); }

bool is_mine(uint64_t record, uint32_t me) { return owner_of(record) == me; }
bool alive(uint64_t record) { return owner_of(record) != 0 && !is_dead(owner_of(record)); }

// Calls `visit(slot)` for each record from `from` to before `to` that may be in use. False as soon as a visit says so.
template <typename Visit>
bool each_between(const ConditionWords& words, uint32_t from, uint32_t to, Visit visit) {
  for (uint64_t groups = words.groups.load() & ~uint64_t{0} << from / 64; groups != 0; groups &= groups - 1) {
    uint32_t base = static_cast<uint32_t>(__builtin_ctzll(groups)) * 64;
    if (base >= to) break;
    uint64_t bits = words.map[base / 64].load();
    if (base < from) bits &= ~uint64_t{0} << from % 64;
    if (to - base < 64) bits &= ~(~uint64_t{0} << to % 64);
    for (; bits != 0; bits &= bits - 1) {
      if (!visit(base + static_cast<uint32_t>(__builtin_ctzll(bits)))) return false;
    }
  }
  return true;
}

// The same for all, from `start` on and around.
template <typename Visit>
void each(const ConditionWords& words, uint32_t start, Visit visit) {
  if (each_between(words, start, kSlots, visit)) each_between(words, 0, start, visit);
}

// Before the record can be notified: its participant still holds the lock.
void put_on_map(ConditionWords& words, uint32_t slot) {
  uint64_t bit = uint64_t{1} << slot % 64, group = uint64_t{1} << slot / 64;
  if ((words.map[slot / 64].load() & bit) == 0) words.map[slot / 64].fetch_or(bit);
  if ((words.groups.load() & group) == 0) words.groups.fetch_or(group);
}

// Moves up to `count` waits of the record to its signals. Its sleepers are to be woken later.
uint32_t signal(ConditionWords& words, Record& record, uint32_t count) {
  uint64_t seen = record.load();
  for (;;) {
    uint32_t room = 0xffff - signals_of(seen);
    uint32_t moved = waiting_of(seen) < count ? waiting_of(seen) : count;
    if (moved > room) moved = room;
    if (moved == 0 || !alive(seen)) return 0;
    if (!record.compare_exchange_weak(seen, seen - moved * kOneWaiting + moved)) continue;
    if ((seen & kParked) != 0) words.owed.store(1);
    return moved;
  }
}

// Empties a record whose owner is dead. Returns how many signals nobody took out of it.
uint32_t bury(Record& record) {
  uint64_t seen = record.load();
  while (seen != 0 && owner_of(seen) != 0 && is_dead(owner_of(seen))) {
    if (record.compare_exchange_weak(seen, 0)) return signals_of(seen);
  }
  return 0;
}

uint32_t bury_all(ConditionWords& words) {
  uint32_t signals = 0;
  each(words, 0, [&](uint32_t slot) {
    signals += bury(words.records[slot]);
    return true;
  });
  return signals;
}

// One to each in turn, so that many waits of one process do not stand before those of the others.
uint32_t hand_out(ConditionWords& words, uint32_t count) {
  uint32_t given = 0;
  for (bool somebody = true; somebody && given < count;) {
    somebody = false;
    each(words, words.cursor.load() % kSlots, [&](uint32_t slot) {
      uint32_t moved = signal(words, words.records[slot], count == kEverybodyWaiting ? 0xffff : 1);
      if (moved == 0) return true;
      somebody = true;
      given += moved;
      words.cursor.store((slot + 1) % kSlots);
      return given < count;
    });
  }
  return given;
}

}  // namespace

bool condition_enter(ConditionWords& words, uint32_t me) {
  uint32_t slot = slot_of(me);
  Record& record = words.records[slot];
  // A former life of the slot: what it was notified of is for those who wait already.
  if (uint32_t orphans = bury(record); orphans > 0) {
    hand_out(words, orphans);
    condition_wake(words);
  }
  uint64_t seen = record.load();
  for (;;) {
    bool mine = is_mine(seen, me);
    if (mine && waiting_of(seen) + signals_of(seen) >= kMostConditionWaits) return false;
    uint64_t next = mine ? seen + kOneWaiting : record_of(me) | kOneWaiting;
    if (!record.compare_exchange_weak(seen, next)) continue;
    put_on_map(words, slot);
    return true;
  }
}

bool condition_signalled(const ConditionWords& words, uint32_t me, uint32_t claimed) {
  uint64_t seen = words.records[slot_of(me)].load();
  return is_mine(seen, me) && signals_of(seen) > claimed;
}

bool condition_attempt(ConditionWords& words, uint32_t me, uint32_t claimed, sys::FutexSet* set) {
  Record& record = words.records[slot_of(me)];
  for (int round = 0;; round++) {
    uint64_t seen = record.load();
    if (is_mine(seen, me) && signals_of(seen) > claimed) return true;
    uint32_t orphans = round == 0 ? bury_all(words) : 0;
    if (orphans > 0) {
      hand_out(words, orphans);
      condition_wake(words);
      continue;
    }
    if (is_mine(seen, me) && (seen & kParked) == 0 && !record.compare_exchange_strong(seen, seen | kParked)) continue;
    set->add(counts(record), static_cast<uint32_t>(seen));
    return false;
  }
}

bool condition_leave(ConditionWords& words, uint32_t me, uint32_t claimed) {
  Record& record = words.records[slot_of(me)];
  uint64_t seen = record.load();
  for (;;) {
    if (!is_mine(seen, me)) return true;
    if (signals_of(seen) > claimed) return false;
    if (waiting_of(seen) == 0) return true;
    if (record.compare_exchange_weak(seen, seen - kOneWaiting)) return true;
  }
}

void condition_consume(ConditionWords& words, uint32_t me) {
  Record& record = words.records[slot_of(me)];
  uint64_t seen = record.load();
  while (is_mine(seen, me) && signals_of(seen) > 0 && !record.compare_exchange_weak(seen, seen - 1)) continue;
}

uint32_t condition_notify(ConditionWords& words, uint32_t count) {
  uint32_t orphans = bury_all(words);
  uint32_t wanted = count > kEverybodyWaiting - orphans ? kEverybodyWaiting : count + orphans;
  return hand_out(words, wanted);
}

void condition_wake(ConditionWords& words) {
  // Looked at before it is written, so that the line stays shared where nothing is owed.
  if (!condition_owes(words) || words.owed.exchange(0) == 0) return;
  each(words, 0, [&](uint32_t slot) {
    Record& record = words.records[slot];
    uint64_t seen = record.load();
    while ((seen & kParked) != 0 && signals_of(seen) > 0) {
      if (!record.compare_exchange_weak(seen, seen & ~kParked)) continue;
      // A thread of the owner's may block for it while one of its lanes waits for its tasks.
      sys::futex_wake(counts(record), kAllSleepers);
      break;
    }
    return true;
  });
}

uint32_t condition_waiting(const ConditionWords& words) {
  uint32_t waiting = 0;
  each(words, 0, [&](uint32_t slot) {
    uint64_t seen = words.records[slot].load();
    if (alive(seen)) waiting += waiting_of(seen);
    return true;
  });
  return waiting;
}

}  // namespace multiproc::sync
