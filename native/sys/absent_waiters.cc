// Condition variables whose recorded waiters do not exist in a forked child.
#include "sys/absent_waiters.h"

#include <dirent.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdio>
#include <map>

#include "sys/proc_text.h"
#include "sys/read_only_memory.h"

namespace multiproc::sys {

#ifdef __GLIBC__

namespace {

// The end of glibc's private pthread_cond_t, unchanged since 2.25 (2017), including the rewrite in 2.41. A waiter adds
// kOneWaiter to `waiters` and sleeps on one of `signals`.
struct CondvarTail {
  uint32_t sizes[2];
  uint32_t first_size;
  uint32_t waiters;
  uint32_t signals[2];
};
constexpr uint32_t kOneWaiter = 8;
constexpr uint32_t kFlags = kOneWaiter - 1;
constexpr uint32_t kSharedFlag = 1;
constexpr uint32_t kMostPlausible = 1 << 16;

// Returns the word on which the thread sleeps in a private FUTEX_WAIT_BITSET call, as glibc's condition variables do;
// otherwise 0.
uintptr_t futex_of(const char* tid) {
  char path[300];
  snprintf(path, sizeof path, "/proc/self/task/%s/syscall", tid);
  char text[256];
  read_start(path, text, sizeof text);
  long number = -1;
  unsigned long word = 0, operation = 0;
  if (sscanf(text, "%ld %lx %lx", &number, &word, &operation) != 3 || number != SYS_futex) return 0;
  bool fits = (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && (operation & FUTEX_PRIVATE_FLAG) != 0;
  return fits && word % 4 == 0 ? word : 0;
}

// Copies through the kernel: memory around an unrelated futex may be unmapped.
bool read_tail(uintptr_t address, CondvarTail* tail) {
  return !read_memory(reinterpret_cast<const void*>(address), tail, sizeof *tail);
}

// Other futex words are unlikely to hold exactly the number of sleepers in this position.
bool is_condvar(const CondvarTail& tail, uint32_t sleepers) {
  return tail.waiters / kOneWaiter == sleepers && (tail.waiters & kSharedFlag) == 0 &&
         tail.sizes[0] <= kMostPlausible && tail.sizes[1] <= kMostPlausible && tail.first_size <= 4 * kMostPlausible;
}

}  // namespace

void AbsentWaiters::note() {
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return;
  std::map<uintptr_t, uint32_t> sleepers;  // by the address of `signals`, which is a multiple of 8
  while (const dirent* entry = readdir(tasks)) {
    if (entry->d_name[0] == '.') continue;
    if (uintptr_t word = futex_of(entry->d_name)) sleepers[word & ~uintptr_t{7}]++;
  }
  closedir(tasks);
  for (auto [signals, count] : sleepers) {
    uintptr_t address = signals - offsetof(CondvarTail, signals);
    CondvarTail tail;
    if (read_tail(address, &tail) && is_condvar(tail, count)) {
      counts_.push_back(&reinterpret_cast<CondvarTail*>(address)->waiters);
    }
  }
}

void AbsentWaiters::forget() {
  for (uint32_t* waiters : counts_) *waiters &= kFlags;
}

#else

// musl keeps the list of waiters on their stacks, which the child has too, and waits only for those about to leave.
void AbsentWaiters::note() {}
void AbsentWaiters::forget() {}

#endif

}  // namespace multiproc::sys
