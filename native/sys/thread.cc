// Threads of this process.
#include "sys/thread.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <new>

#include "sys/descriptors.h"
#include "sys/signals.h"

namespace multiproc::sys {

namespace {

class EndNotice {
 public:
  ~EndNotice() { finish(true); }

  void set(int notice) {
    finish(false);
    notice_ = notice;
  }

 private:
  void finish(bool raise) {
    if (notice_ == -1) return;
    uint64_t one = 1;
    // Fails only if the eventfd is already raised.
    if (raise && write(notice_, &one, sizeof one) == -1) errno = 0;
    close(notice_);
    notice_ = -1;
  }

  int notice_ = -1;
};

struct ThreadStart {
  void* (*run)(void*);
  void* context;
};

void* run_named(void* start) {
  std::unique_ptr<ThreadStart> owned(static_cast<ThreadStart*>(start));
  prctl(PR_SET_NAME, kThreadName);
  return owned->run(owned->context);
}

}  // namespace

Failure start_thread(void* (*run)(void*), void* context, pthread_t* thread) {
  HeldSignals held;  // the new thread inherits the mask
  std::unique_ptr<ThreadStart> start(new (std::nothrow) ThreadStart{run, context});
  if (start == nullptr) return {ENOMEM, "pthread_create"};
  Failure failure = {pthread_create(thread, nullptr, run_named, start.get()), "pthread_create"};
  if (!failure) start.release();
  return failure;
}

pid_t current_thread() { return static_cast<pid_t>(syscall(SYS_gettid)); }

bool thread_exists(pid_t thread) { return syscall(SYS_tgkill, getpid(), thread, 0) == 0 || errno != ESRCH; }

Failure raise_at_thread_end(int notice) {
  static thread_local EndNotice of_this_thread;
  int copy = -1;
  if (Failure failure = copy_descriptor(notice, &copy)) return failure;
  of_this_thread.set(copy);
  return {};
}

}  // namespace multiproc::sys
