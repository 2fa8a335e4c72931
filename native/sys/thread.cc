// Threads of this process: how ours are started, how the kernel knows them, and a notice of their end.
#include "sys/thread.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

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
    // Fails only where it is raised already.
    if (raise && write(notice_, &one, sizeof one) == -1) errno = 0;
    close(notice_);
    notice_ = -1;
  }

  int notice_ = -1;
};

}  // namespace

Failure start_thread(void* (*run)(void*), void* context, pthread_t* thread) {
  HeldSignals held;  // the thread goes on holding them
  return {pthread_create(thread, nullptr, run, context), "pthread_create"};
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
