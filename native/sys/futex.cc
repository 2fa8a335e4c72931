// Parking on words of shared memory.
#include "sys/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <climits>

#include "sys/clock.h"

namespace multiproc::sys {

namespace {

// The same on every architecture; older kernel headers lack both.
constexpr long kFutexWaitv = 449;
constexpr uint32_t kFutex32 = 2;

struct KernelWaitv {
  uint64_t value;
  uint64_t address;
  uint32_t flags;
  uint32_t reserved;
};
static_assert(sizeof(KernelWaitv) == 24, "struct futex_waitv of the kernel");

timespec to_timespec(int64_t ns) { return {ns / 1'000'000'000, ns % 1'000'000'000}; }

bool detect_futex_waitv() {
  const char* off = getenv("MULTIPROC_NO_WAITV");
  if (off != nullptr && off[0] == '1') return false;
  // Without words, a kernel that has the call returns EINVAL, others ENOSYS, sandboxes EPERM.
  return syscall(kFutexWaitv, nullptr, 0, 0, nullptr, CLOCK_MONOTONIC) == -1 && errno == EINVAL;
}

std::atomic<bool>& waitv_available() {
  static std::atomic<bool> available{detect_futex_waitv()};
  return available;
}

void wait_one(Word* word, uint32_t expected, int64_t deadline_ns) {
  timespec until = to_timespec(deadline_ns);
  // FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC time, FUTEX_WAIT a relative one.
  syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected, deadline_ns == kForever ? nullptr : &until, nullptr,
          FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void FutexSet::add(Word* word, uint32_t expected) {
  for (int i = 0; i < count_; i++) {
    if (words_[i] != word) continue;
    if (expected_[i] != expected) changed_ = true;
    return;
  }
  if (count_ == kMost) {
    overflowed_ = true;
    return;
  }
  words_[count_] = word;
  expected_[count_] = expected;
  count_++;
}

bool has_futex_waitv() { return waitv_available().load(std::memory_order_relaxed); }

int64_t longest_park_ns() { return (has_futex_waitv() ? 100 : 20) * kMillisecond; }

void futex_wait(const FutexSet& set, int64_t deadline_ns) {
  if (set.changed() || set.count() == 0) return;
  if (set.count() == 1 || !has_futex_waitv()) {
    wait_one(set.word(0), set.expected(0), deadline_ns);
    return;
  }
  KernelWaitv waits[FutexSet::kMost];
  for (int i = 0; i < set.count(); i++) {
    waits[i] = {set.expected(i), reinterpret_cast<uint64_t>(set.word(i)), kFutex32, 0};
  }
  timespec until = to_timespec(deadline_ns);
  long result =
      syscall(kFutexWaitv, waits, set.count(), 0, deadline_ns == kForever ? nullptr : &until, CLOCK_MONOTONIC);
  if (result >= 0 || errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT) return;
  // A seccomp filter installed after the detection (EPERM, ENOSYS), or no memory: without this park the caller would
  // spin.
  if (errno != ENOMEM) waitv_available() = false;
  int64_t bound = monotonic_ns() + longest_park_ns();
  wait_one(set.word(0), set.expected(0), bound < deadline_ns ? bound : deadline_ns);
}

int futex_wake(Word* word, int count) {
  long woken = syscall(SYS_futex, word, FUTEX_WAKE, count < 0 ? INT_MAX : count, nullptr, nullptr, 0);
  return woken > 0 ? static_cast<int>(woken) : 0;
}

}  // namespace multiproc::sys
