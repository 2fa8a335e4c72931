// The per-user registry of participants: 4,096 slots, each with a life word that the kernel marks when its thread ends.
#include "sync/registry.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <new>

#include "sys/clock.h"
#include "sys/futex.h"
#include "sys/shm_file.h"

namespace multiproc::sync {

namespace {

#if defined(__GLIBC__)
constexpr const char* kLibc = "glibc";
constexpr size_t kLifeWordOffset = 0;  // __data.__lock
#else
constexpr const char* kLibc = "musl";
constexpr size_t kLifeWordOffset = 4;  // _m_lock
#endif

constexpr int64_t kLongestAttach = 10'000 * sys::kMillisecond;

std::atomic<Registry*> the_registry{nullptr};
std::atomic<uid_t> the_user{0};  // whose registry it is; stored before it
thread_local uint32_t this_participant = 0;

int init_robust(pthread_mutex_t* mutex) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  int code = pthread_mutex_init(mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
  return code;
}

sys::Failure init_registry(Registry* registry) {
  registry->magic = kRegistryMagic;
  registry->abi = kAbi;
  registry->byte_order = kByteOrder;
  registry->total_size = sizeof(Registry);
  registry->slot_count = kSlots;
  if (getrandom(registry->id.bytes, sizeof registry->id.bytes, 0) != sizeof registry->id.bytes) {
    return {errno, "getrandom"};
  }
  return {init_robust(&registry->allocation), "pthread_mutex_init"};
}

sys::Failure map_registry(int fd, Registry** mapped) {
  void* address = mmap(nullptr, sizeof(Registry), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) return {errno, "mmap"};
  *mapped = static_cast<Registry*>(address);
  return {};
}

sys::Failure create_registry(Registry** mapped) {
  std::string temporary = registry_name() + "." + std::to_string(getpid());
  sys::NewFile file;
  sys::Failure failure = sys::create_file(sizeof(Registry), temporary, &file);
  if (failure) return failure;
  failure = map_registry(file.fd, mapped);
  if (!failure) failure = init_registry(*mapped);
  if (!failure) failure = sys::publish_file(&file, registry_name());
  sys::close_file(&file);
  if (failure && *mapped != nullptr) {
    munmap(*mapped, sizeof(Registry));
    *mapped = nullptr;
  }
  return failure;
}

sys::Failure open_existing(Registry** mapped) {
  int fd;
  sys::FileFacts facts;
  sys::Failure failure = sys::open_file(registry_name(), &fd, &facts);
  if (failure) return failure;
  if (facts.size != sizeof(Registry)) {
    failure = {EPROTO, "open"};
  } else {
    failure = map_registry(fd, mapped);
    Registry* registry = failure ? nullptr : *mapped;
    if (registry != nullptr && (registry->magic != kRegistryMagic || registry->abi != kAbi ||
                                registry->byte_order != kByteOrder || registry->slot_count != kSlots)) {
      munmap(registry, sizeof(Registry));
      failure = {EPROTO, "open"};
    }
  }
  close(fd);
  return failure;
}

bool ended(uint32_t life) { return (life & FUTEX_TID_MASK) == 0 || (life & FUTEX_OWNER_DIED) != 0; }

// Precondition: the caller holds the allocation mutex, so dead slots stay dead.
bool claim(Registry* registry, uint32_t index, uint32_t* owner) {
  Slot& slot = registry->slots[index];
  uint32_t generation = slot.generation.load(std::memory_order_relaxed);
  if (generation != 0 && !ended(life_word(slot).load(std::memory_order_acquire))) return false;
  if (generation == 0 && init_robust(&slot.life) != 0) return false;
  uint32_t next = generation % kMaxGeneration + 1;
  // The generation rises while the slot is dead: readers load the life word first, so either tells them.
  slot.generation.store(next, std::memory_order_release);
  // The lock's own compare-and-swap only acquires: without this, arm64 may show the new life before the new generation.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  int code = pthread_mutex_trylock(&slot.life);
  if (code == EOWNERDEAD) code = pthread_mutex_consistent(&slot.life);
  if (code == ENOTRECOVERABLE) code = init_robust(&slot.life) || pthread_mutex_trylock(&slot.life);
  if (code != 0) return false;
  slot.pid.store(static_cast<uint32_t>(getpid()), std::memory_order_relaxed);
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  slot.started_ms.store(now.tv_sec * 1000ULL + now.tv_nsec / 1'000'000, std::memory_order_relaxed);
  for (auto& wait : slot.waits) wait.store(0, std::memory_order_relaxed);
  *owner = owner_id(index, next);
  return true;
}

// It becomes part of a file name.
bool is_namespace(const char* text) {
  size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
  return length > 0 && length <= 40 && text[length] == 0;
}

// In short sleeps, as everywhere: one who was woken and then killed has taken the wake-up along, and the only clock
// that this call takes may be set forward.
int lock_allocation(pthread_mutex_t* mutex) {
  int64_t deadline = sys::monotonic_ns() + kLongestAttach;
  for (;;) {
    timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += sys::longest_park_ns();
    until.tv_sec += until.tv_nsec / 1'000'000'000;
    until.tv_nsec %= 1'000'000'000;
    int code = pthread_mutex_timedlock(mutex, &until);
    if (code != ETIMEDOUT || sys::monotonic_ns() >= deadline) return code;
  }
}

// Precondition: the registry is open.
sys::Failure check_user() { return geteuid() == the_user.load() ? sys::Failure{} : sys::Failure{EPERM, "geteuid"}; }

// The slots' masked ids make every index valid, whatever a hostile word says.
Slot& slot_at(uint32_t owner) { return the_registry.load(std::memory_order_acquire)->slots[slot_of(owner)]; }

}  // namespace

std::string registry_name() {
  static const std::string suffix = [] {
    const char* space = getenv("MULTIPROC_NAMESPACE");
    return space != nullptr && is_namespace(space) ? std::string("-") + space : std::string();
  }();
  char name[64];
  snprintf(name, sizeof name, "multiproc-r%u-%u-%s", kAbi, registry_user(), kLibc);
  return name + suffix;
}

uid_t registry_user() { return registry() == nullptr ? geteuid() : the_user.load(std::memory_order_relaxed); }

Word& life_word(Slot& slot) { return *reinterpret_cast<Word*>(reinterpret_cast<char*>(&slot.life) + kLifeWordOffset); }

Registry* registry() { return the_registry.load(std::memory_order_acquire); }

sys::Failure open_registry() {
  static std::mutex opening;
  if (registry() != nullptr) return check_user();
  std::lock_guard<std::mutex> guard(opening);
  if (registry() != nullptr) return check_user();
  uid_t user = geteuid();
  Registry* mapped = nullptr;
  sys::Failure failure;
  // Creation and opening can each lose a race against another process, but not for long.
  for (int round = 0; round < 100; round++) {
    failure = open_existing(&mapped);
    if (failure.code == ENOENT) failure = create_registry(&mapped);
    if (failure.code != EEXIST && failure.code != ENOENT) break;
  }
  if (failure) return failure;
  the_user.store(user, std::memory_order_relaxed);
  the_registry.store(mapped, std::memory_order_release);
  return {};
}

sys::Failure attach(uint32_t* owner) {
  sys::Failure failure = open_registry();
  if (failure) return failure;
  if (this_participant != 0) {
    *owner = this_participant;
    return {};
  }
  Registry* table = registry();
  int code = lock_allocation(&table->allocation);
  // The cursor is a hint: whatever its dead holder left in it is consistent.
  if (code == EOWNERDEAD) code = pthread_mutex_consistent(&table->allocation);
  if (code != 0) return {code, "pthread_mutex_timedlock"};
  uint32_t claimed = 0;
  uint32_t start = table->cursor;
  for (uint32_t i = 0; i < kSlots && claimed == 0; i++) {
    uint32_t index = (start + i) % kSlots;
    if (claim(table, index, &claimed)) table->cursor = (index + 1) % kSlots;
  }
  pthread_mutex_unlock(&table->allocation);
  if (claimed == 0) return {EUSERS, "attach"};
  this_participant = claimed;
  *owner = claimed;
  return {};
}

uint32_t attached() { return this_participant; }

void forget_participant() { this_participant = 0; }

void adopt_participant(uint32_t owner) { this_participant = owner; }

bool is_dead(uint32_t owner) {
  Slot& slot = slot_at(owner);
  uint32_t life = life_word(slot).load(std::memory_order_acquire);
  uint32_t generation = slot.generation.load(std::memory_order_acquire);
  return ended(life) || generation != generation_of(owner);
}

bool watch_life(uint32_t owner, uint32_t* expected) {
  Slot& slot = slot_at(owner);
  Word& word = life_word(slot);
  uint32_t life = word.load(std::memory_order_acquire);
  for (;;) {
    if (ended(life) || slot.generation.load(std::memory_order_acquire) != generation_of(owner)) return false;
    if ((life & FUTEX_WAITERS) != 0) break;
    if (word.compare_exchange_weak(life, life | FUTEX_WAITERS, std::memory_order_acq_rel)) {
      life |= FUTEX_WAITERS;
      break;
    }
  }
  *expected = life;
  return true;
}

void show_wait(uint32_t owner, uint64_t key) {
  for (auto& wait : slot_at(owner).waits) {
    uint64_t none = 0;
    if (wait.compare_exchange_strong(none, key, std::memory_order_relaxed)) return;
  }
}

void hide_wait(uint32_t owner, uint64_t key) {
  for (auto& wait : slot_at(owner).waits) {
    uint64_t shown = key;
    if (wait.compare_exchange_strong(shown, 0, std::memory_order_relaxed)) return;
  }
}

}  // namespace multiproc::sync
