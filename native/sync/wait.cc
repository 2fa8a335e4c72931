// The one waiting primitive: everything that can be waited for is a Target, which can be attempted.
#include "sync/wait.h"

#include <sched.h>

#include "sync/event.h"
#include "sync/lock.h"
#include "sync/registry.h"
#include "sync/semaphore.h"
#include "sys/clock.h"

namespace multiproc::sync {

namespace {

constexpr int kLooks = 200;

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
    case Target::Kind::ring_items:
    case Target::Kind::ring_taken:
    case Target::Kind::ring_done:
    case Target::Kind::pipe_readable:
    case Target::Kind::pipe_writable:
      return false;
    case Target::Kind::barrier:
      return barrier_outcome(target.barrier(), 0, target.argument) != kNotYet;
    case Target::Kind::barrier_room:
      return false;
  }
  return false;
}

// Short sections end within a look or two, and a sleep costs both sides a system call. On one CPU nobody can end theirs
// while we look.
int32_t look(const Target& target, uint32_t me) {
  static const bool pays = usable_cpus() > 1;
  if (!pays || target.is_pipe()) return kNotYet;
  for (int i = 0; i < kLooks; i++) {
    if (looks_free(target)) {
      int32_t won = try_once(target, me);
      if (won != kNotYet) return won;
    }
    relax();
  }
  return kNotYet;
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

int32_t wait_until(const Target& target, uint32_t me, int64_t deadline_ns, KeepWaiting keep_waiting) {
  int32_t won = try_once(target, me);
  if (won != kNotYet || sys::monotonic_ns() >= deadline_ns) return won;
  won = look(target, me);
  if (won != kNotYet) return won;
  show_wait(me, target.key);
  sys::FutexSet set;
  for (bool parked = false;; parked = true) {
    set.clear();
    won = attempt(target, me, parked, &set);
    if (won != kNotYet) break;
    int64_t now = sys::monotonic_ns();
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
