// The one waiting primitive: everything that can be waited for is a Target, which can be attempted.
#include "sync/wait.h"

#include <sched.h>
#include <time.h>

#include <algorithm>

#include "sync/event.h"
#include "sync/lock.h"
#include "sync/registry.h"
#include "sync/semaphore.h"
#include "sys/clock.h"

namespace multiproc::sync {

namespace {

constexpr int kLooks = 200;
constexpr int kLooksBetweenYields = 20;
constexpr int64_t kLongestLook = 50'000;
constexpr uint32_t kMostMisses = 10;
constexpr int64_t kLongestYield = 100'000;
constexpr int64_t kLongestWay = 2 * sys::kMillisecond;

int usable_cpus() {
  cpu_set_t cpus;
  return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
}

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int32_t try_once(const Target& target, uint32_t me) {
  switch (target.kind) {
    case Target::Kind::lock:
      return lock_try(*target.word, me) ? 0 : kNotYet;
    case Target::Kind::semaphore:
      return semaphore_try(*target.word) ? 0 : kNotYet;
    case Target::Kind::permits:
      return permits_try(target.permits(), me);
    case Target::Kind::event:
      return event_happened(target.word->load(std::memory_order_acquire), target.argument) ? 0 : kNotYet;
    case Target::Kind::condition:
      return condition_signalled(*target.condition(), me, target.argument) ? 0 : kNotYet;
    case Target::Kind::barrier:
      return barrier_outcome(target.barrier(), me, target.argument);
    case Target::Kind::barrier_room:
      return kNotYet;
    case Target::Kind::ring_items:
    case Target::Kind::ring_taken:
    case Target::Kind::ring_done:
      return ring_surplus(*target.ring(), target.ring_wait(), target.argument) > 0 ? 0 : kNotYet;
    case Target::Kind::pipe_readable:
      return pipe_readable(target.pipe(), me, nullptr) ? 0 : kNotYet;
    case Target::Kind::pipe_writable:
      return pipe_writable(target.pipe(), me, target.argument, nullptr) ? 0 : kNotYet;
    case Target::Kind::computation:
      return kNotYet;
  }
  return kNotYet;
}

bool looks_free(const Target& target) {
  uint32_t word = target.word->load(std::memory_order_relaxed);
  switch (target.kind) {
    case Target::Kind::lock:
      return (word & kOwnerMask) == 0;
    case Target::Kind::semaphore:
      return (word & kMaxPermits) != 0;
    case Target::Kind::permits:
      return false;
    case Target::Kind::event:
      return event_happened(word, target.argument);
    case Target::Kind::condition:
      return true;  // to try is to look
    case Target::Kind::ring_items:
    case Target::Kind::ring_taken:
    case Target::Kind::ring_done:
    case Target::Kind::pipe_readable:
    case Target::Kind::pipe_writable:
    case Target::Kind::computation:
      return false;
    case Target::Kind::barrier:
      return barrier_outcome(target.barrier(), 0, target.argument) != kNotYet;
    case Target::Kind::barrier_room:
      return false;
  }
  return false;
}

bool is_to_be_had(const Target& target) {
  return target.kind == Target::Kind::permits ? permits_free(target.permits()) > 0 : looks_free(target);
}

int32_t look_often(const Target& target, uint32_t me, int looks) {
  for (int i = 0; i < looks; i++) {
    if (looks_free(target)) {
      int32_t won = try_once(target, me);
      if (won != kNotYet) return won;
    }
    relax();
  }
  return kNotYet;
}

// What this thread knows about looking for one object: after each look in vain it leaves out twice as many.
struct Experience {
  uint64_t key;
  uint32_t misses;
  uint32_t left_out;
};

Experience& experience_with(uint64_t key) {
  static thread_local Experience known[16];
  Experience& experience = known[(key * 0x9e3779b97f4a7c15u) >> 60];
  if (experience.key != key) experience = {key, 0, 0};
  return experience;
}

// For what another thread hands over. That may take it a moment, and it may need this CPU for it. Where a yield takes
// long there are others who need it, and whoever sleeps is served before whoever yields.
int32_t look_and_yield(const Target& target, uint32_t me, int64_t now, int64_t deadline) {
  Experience& experience = experience_with(target.key);
  if (experience.left_out > 0) {
    experience.left_out--;
    return kNotYet;
  }
  int64_t until = std::min(now + kLongestLook, deadline);
  int32_t won = kNotYet;
  do {
    won = look_often(target, me, kLooksBetweenYields);
    if (won != kNotYet) break;
    sched_yield();
    now = sys::monotonic_ns();
  } while (now < until);
  if (now < until) {
    experience.misses = 0;
    return won;
  }
  experience.misses = std::min(experience.misses + 1, kMostMisses);
  experience.left_out = 1u << experience.misses;
  return won != kNotYet ? won : try_once(target, me);
}

// A sleep costs both sides a system call, and the other one a wake-up. On one CPU nobody gets on while we look.
int32_t look(const Target& target, uint32_t me, int64_t now, int64_t deadline) {
  static const bool pays = usable_cpus() > 1;
  if (!pays || target.is_pipe()) return kNotYet;
  switch (target.kind) {
    case Target::Kind::event:
    case Target::Kind::condition:
    case Target::Kind::barrier:
      return look_and_yield(target, me, now, deadline);
    default:
      return look_often(target, me, kLooks);  // short sections end within a look or two
  }
}

}  // namespace

int32_t attempt(const Target& target, uint32_t me, bool parked, sys::FutexSet* set) {
  switch (target.kind) {
    case Target::Kind::lock:
      return lock_attempt(*target.word, me, parked, set) ? 0 : kNotYet;
    case Target::Kind::semaphore:
      return semaphore_attempt(*target.word, parked, set) ? 0 : kNotYet;
    case Target::Kind::permits:
      return permits_attempt(target.permits(), me, parked, set);
    case Target::Kind::event:
      return event_attempt(*target.word, target.argument, set) ? 0 : kNotYet;
    case Target::Kind::condition:
      return condition_attempt(*target.condition(), me, target.argument, set) ? 0 : kNotYet;
    case Target::Kind::barrier:
      return barrier_attempt(target.barrier(), me, target.argument, parked, set);
    case Target::Kind::barrier_room:
      return barrier_has_room(target.barrier(), me, set) ? 0 : kNotYet;
    case Target::Kind::ring_items:
    case Target::Kind::ring_taken:
    case Target::Kind::ring_done:
      return ring_attempt(*target.ring(), target.ring_wait(), target.argument, parked, set) ? 0 : kNotYet;
    case Target::Kind::pipe_readable:
      return pipe_readable(target.pipe(), me, set) ? 0 : kNotYet;
    case Target::Kind::pipe_writable:
      return pipe_writable(target.pipe(), me, target.argument, set) ? 0 : kNotYet;
    case Target::Kind::computation:
      return map_attempt(*target.map_slot(), target.argument, set) ? 0 : kNotYet;
  }
  return kNotYet;
}

void give_back(const Target& target, uint32_t me, int32_t won) {
  switch (target.kind) {
    case Target::Kind::lock:
      lock_release(*target.word);
      return;
    case Target::Kind::semaphore:
      semaphore_release(*target.word, 1, kMaxPermits);
      return;
    case Target::Kind::permits:
      permits_release(target.permits(), me, static_cast<uint32_t>(won));
      return;
    case Target::Kind::event:
      return;  // everybody gets it: there is nothing to give back
    case Target::Kind::condition:
      return;  // the signal is still in its record
    case Target::Kind::barrier:
    case Target::Kind::barrier_room:
      return;  // the entry is left by whoever arrived
    case Target::Kind::ring_items:
    case Target::Kind::ring_taken:
    case Target::Kind::ring_done:
    case Target::Kind::pipe_readable:
    case Target::Kind::pipe_writable:
    case Target::Kind::computation:
      return;  // nothing was taken
  }
}

void pass_wake_on(const Target& target, int count) {
  if (target.is_ring()) {
    sys::futex_wake(target.word, count);
    return;
  }
  // The others wake all sleepers.
  bool one_by_one = target.kind == Target::Kind::lock || target.kind == Target::Kind::semaphore ||
                    target.kind == Target::Kind::permits;
  if (!one_by_one) return;
  // Somebody may have been faster than the one who was woken, by the fast path, which leaves no mark for those who
  // still sleep: one of them must wake up and set it again.
  bool unmarked = (target.word->load(std::memory_order_relaxed) & kContended) == 0;
  if (target.kind == Target::Kind::permits || unmarked || looks_free(target)) sys::futex_wake(target.word, count);
}

void give_way(const Target& target) {
  int64_t start = sys::monotonic_ns();
  for (int64_t now = start; now < start + kLongestWay && is_to_be_had(target); now = sys::monotonic_ns()) {
    // A sleeper that has not come by then waits for a CPU, perhaps for this one.
    if (now < start + kLongestYield) {
      sched_yield();
    } else {
      timespec moment = {0, kLongestYield / 2};
      nanosleep(&moment, nullptr);
    }
  }
}

int32_t look_for(const Target& target, uint32_t me) {
  int32_t won = try_once(target, me);
  return won != kNotYet ? won : look(target, me, sys::monotonic_ns(), sys::kForever);
}

int32_t wait_until(const Target& target, uint32_t me, int64_t deadline_ns, KeepWaiting keep_waiting) {
  int32_t won = try_once(target, me);
  if (won != kNotYet) return won;
  int64_t start = sys::monotonic_ns();
  if (start >= deadline_ns) return won;
  won = look(target, me, start, deadline_ns);
  if (won != kNotYet) return won;
  show_wait(me, target.key);
  sys::FutexSet set;
  for (bool parked = false;; parked = true) {
    set.clear();
    won = attempt(target, me, parked, &set);
    if (won != kNotYet) break;
    int64_t now = parked ? sys::monotonic_ns() : start;
    bool ended = parked && keep_waiting.ask != nullptr && !keep_waiting.ask(keep_waiting.context);
    if (ended || now >= deadline_ns) {
      pass_wake_on(target);
      break;
    }
    int64_t bound = now + sys::longest_park_ns() / (set.overflowed() ? 5 : 1);
    sys::futex_wait(set, bound < deadline_ns ? bound : deadline_ns);
  }
  hide_wait(me, target.key);
  return won;
}

}  // namespace multiproc::sync
