// The per-user registry of participants: 4,096 slots, each with a life word that the kernel marks when its thread ends.
//
// A participant is one thread that uses the package. It locks its slot's robust, process-shared mutex when it attaches
// and never unlocks it: however the thread ends, exec included, the kernel finds the mutex on the thread's robust list
// and sets FUTEX_OWNER_DIED in its lock word. So "is the owner dead?" is two loads, with no pids to be reused and no
// heartbeat, and a stopped process is alive.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "sync/owner.h"
#include "sys/result.h"

namespace multiproc::sync {

constexpr int kWaitsShown = 8;

struct Slot {
  union {
    pthread_mutex_t life;
    char room[48];  // glibc: 40 bytes on x86-64 and 48 on arm64
  };
  Word generation;  // 0: never used, and `life` not yet initialised
  Word pid;         // for people to read
  std::atomic<uint64_t> started_ms;
  std::atomic<uint64_t> waits[kWaitsShown];  // what the thread is parked on, for people to read: keys of Target
};
static_assert(sizeof(Slot) == 128 && sizeof(pthread_mutex_t) <= 48, "slots are part of the ABI");

struct RegistryId {
  uint8_t bytes[16];
};

// What the header of every segment and the registry agree on.
constexpr uint32_t kAbi = 1;
constexpr uint32_t kByteOrder = 0x01020304;
constexpr uint64_t kRegistryMagic = 0x474552434f52504d;  // "MPROCREG"

struct Registry {
  uint64_t magic;
  uint32_t abi;
  uint32_t byte_order;
  uint64_t total_size;
  RegistryId id;
  uint32_t slot_count;
  uint32_t cursor;  // the slot after the last one given out: the clock's hand, so slots come back oldest first
  union {
    pthread_mutex_t allocation;  // guards the cursor, and the change of a dead slot to a live one
    char room[48];
  };
  char reserved[160];
  Slot slots[kSlots];
};
static_assert(sizeof(Registry) == 256 + kSlots * sizeof(Slot), "the registry is part of the ABI");

// The word of `slot.life` that the kernel marks: the thread id of the owner, FUTEX_WAITERS, FUTEX_OWNER_DIED.
Word& life_word(Slot& slot);

// Opens (or makes) the effective user's registry, once for the process; the mapping stays until the process ends, as
// robust lists point into it. `registry()` is null before. Failures: EACCES for a registry of another user or mode,
// EPROTO for one that is not ours, EPERM from "geteuid" when the effective user has changed since it was opened: the
// names of that user's objects, and the participants in their words, are not those of this registry.
sys::Failure open_registry();
Registry* registry();

// The user whose registry is open; before that the effective user.
uid_t registry_user();

// The file's name in /dev/shm, of `registry_user()`. The libc is part of it, as glibc and musl lay the mutex out
// differently. So is MULTIPROC_NAMESPACE of the environment at the first use (1 to 40 letters, digits, dots,
// underscores, hyphens; anything else counts as unset): programs in different namespaces share no participants, and so
// no segments.
std::string registry_name();

// This thread's participant id, attached at the first call: 0 and a failure where that is impossible. EUSERS: all slots
// are in use. ETIMEDOUT: somebody has held the registry for ten seconds (a stopped process).
sys::Failure attach(uint32_t* owner);

// This thread's participant id, or 0.
uint32_t attached();

// Makes this thread attach anew at its next `attach`. For the child of a fork: its robust list is empty.
void forget_participant();

// Lets another copy of this package in the thread hand over the participant it attached.
void adopt_participant(uint32_t owner);

// Whether that life of that slot has ended. False for ids of threads that live or are stopped.
bool is_dead(uint32_t owner);

// Makes the kernel wake a sleeper on the life word when the owner ends. False if the owner is dead already.
// On true, `*expected` is the value to sleep on.
bool watch_life(uint32_t owner, uint32_t* expected);

// Shows (and hides) in this thread's slot what it waits for. More than kWaitsShown waits at once are not shown.
void show_wait(uint32_t owner, uint64_t key);
void hide_wait(uint32_t owner, uint64_t key);

}  // namespace multiproc::sync
