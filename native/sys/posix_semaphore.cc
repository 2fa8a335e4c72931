// A named POSIX semaphore.
#include "sys/posix_semaphore.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include "sys/clock.h"

namespace multiproc::sys {

namespace {

constexpr int64_t kSecond = 1000 * kMillisecond;

timespec to_timespec(int64_t ns) { return {ns / kSecond, ns % kSecond}; }

#if defined(__GLIBC__) && defined(__LP64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define MULTIPROC_KNOWN_SEMAPHORE 1
// glibc's semaphore on 64-bit machines since 2.21 (2015). A change would break processes that share one across glibc
// releases. sem_post adds one to `value` and wakes a waiter if `sleepers` is not 0.
struct GlibcSemaphore {
  Word value;
  Word sleepers;
};
static_assert(sizeof(GlibcSemaphore) <= sizeof(sem_t), "the two words open glibc's sem_t");

GlibcSemaphore* words_of(sem_t* semaphore) { return reinterpret_cast<GlibcSemaphore*>(semaphore); }
#endif

// Waits until the deadline by glibc's sem_clockwait (2.30) on the monotonic clock. Without it, waits on the wall clock
// for a slice, which bounds the effect of setting that clock.
int wait_slice(sem_t* semaphore, int64_t now_ns, int64_t deadline_ns) {
  using ClockWait = int (*)(sem_t*, clockid_t, const timespec*);
  static const auto clock_wait = reinterpret_cast<ClockWait>(dlsym(RTLD_DEFAULT, "sem_clockwait"));
  if (clock_wait != nullptr) {
    timespec until = to_timespec(deadline_ns);
    return clock_wait(semaphore, CLOCK_MONOTONIC, &until);
  }
  timespec wall;
  clock_gettime(CLOCK_REALTIME, &wall);
  int64_t slice = std::min(deadline_ns - now_ns, 100 * kMillisecond);
  timespec until = to_timespec(wall.tv_sec * kSecond + wall.tv_nsec + slice);
  return sem_timedwait(semaphore, &until);
}

}  // namespace

Failure PosixSemaphore::open(const PosixSemaphoreRequest& request, std::shared_ptr<PosixSemaphore>* semaphore) {
  int flags = request.create ? O_CREAT | (request.exclusive ? O_EXCL : 0) : 0;
  sem_t* opened = SEM_FAILED;
  do {
    opened = sem_open(request.name.c_str(), flags, request.mode, request.value);
  } while (opened == SEM_FAILED && errno == EINTR);
  if (opened == SEM_FAILED) return {errno, "sem_open"};
  semaphore->reset(new PosixSemaphore(opened));
  return {};
}

Failure PosixSemaphore::unlink(const std::string& name) {
  if (sem_unlink(name.c_str()) != 0) return {errno, "sem_unlink"};
  return {};
}

PosixSemaphore::~PosixSemaphore() { sem_close(semaphore_); }

bool PosixSemaphore::try_wait() {
  int result = 0;
  do {
    result = sem_trywait(semaphore_);
  } while (result != 0 && errno == EINTR);
  return result == 0;
}

bool PosixSemaphore::wait_until(int64_t deadline_ns) {
  if (try_wait()) return true;
  for (;;) {
    int result = 0;
    if (deadline_ns == kForever) {
      result = sem_wait(semaphore_);
    } else {
      int64_t now = monotonic_ns();
      if (now >= deadline_ns) return try_wait();
      result = wait_slice(semaphore_, now, deadline_ns);
    }
    if (result == 0) return true;
    // Retry after EINTR and ETIMEDOUT; any other error would repeat indefinitely.
    if (errno != EINTR && errno != ETIMEDOUT) return false;
  }
}

Failure PosixSemaphore::post() {
  if (sem_post(semaphore_) != 0) return {errno, "sem_post"};
  return {};
}

uint32_t PosixSemaphore::value() {
  int value = 0;
  sem_getvalue(semaphore_, &value);
  return value < 0 ? 0 : static_cast<uint32_t>(value);
}

#ifdef MULTIPROC_KNOWN_SEMAPHORE

Word* PosixSemaphore::word() { return &words_of(semaphore_)->value; }

void PosixSemaphore::join() { words_of(semaphore_)->sleepers.fetch_add(1); }

// The leaving waiter may have consumed a post's wake without its permit: wake another waiter.
void PosixSemaphore::leave() {
  GlibcSemaphore* words = words_of(semaphore_);
  if (words->sleepers.fetch_sub(1) > 1 && words->value.load() != 0) futex_wake(&words->value, 1);
}

#else

Word* PosixSemaphore::word() { return nullptr; }
void PosixSemaphore::join() {}
void PosixSemaphore::leave() {}

#endif

}  // namespace multiproc::sys
