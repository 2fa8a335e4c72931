// A descriptor for a process.
#include "sys/process_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>

#include "sys/fork.h"
#include "sys/thread.h"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

namespace multiproc::sys {

namespace {

int open_pidfd(pid_t pid) {
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0U));  // pidfds are always close-on-exec
}

bool detect_pidfds() {
  const char* off = getenv("MULTIPROC_NO_PIDFD");
  if (off != nullptr && off[0] == '1') return false;
  int fd = open_pidfd(getpid());
  if (fd == -1) return errno != ENOSYS && errno != EPERM;  // sandboxes that lack the call return EPERM
  close(fd);
  return true;
}

struct Substitutes {
  std::mutex mutex;
  // Open for the life of this process; `shown` is duplicated for others.
  int held = -1;
  int shown = -1;
  std::map<int, pid_t> children;  // by their eventfd; the latest child for a reused number
};

// Never destroyed: threads may run while the process exits.
Substitutes& substitutes() {
  static Substitutes& substitutes = *new Substitutes;
  return substitutes;
}

// Discards what concerns the parent's life, children and threads.
void forget_all() {
  Substitutes& all = substitutes();
  if (all.held != -1) close(all.held);
  if (all.shown != -1) close(all.shown);
  all.held = all.shown = -1;
  all.children.clear();
  all.mutex.unlock();
}

void mind_forks() {
  static std::once_flag once;
  std::call_once(once, [] {
    auto lock = [] { substitutes().mutex.lock(); };
    auto unlock = [] { substitutes().mutex.unlock(); };
    on_fork({lock, unlock, forget_all});
  });
}

Failure own_file(int* fd) {
  Substitutes& all = substitutes();
  std::lock_guard<std::mutex> guard(all.mutex);
  if (all.held == -1) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return {errno, "socketpair"};
    all.held = ends[0];
    all.shown = ends[1];
  }
  *fd = fcntl(all.shown, F_DUPFD_CLOEXEC, 3);
  return {*fd == -1 ? errno : 0, "fcntl"};
}

struct Watch {
  pid_t pid;
  int notice;  // a copy: the caller may close its descriptor, and another file reuse the number
};

void* await_end(void* context) {
  Watch watch = *static_cast<Watch*>(context);
  delete static_cast<Watch*>(context);
  siginfo_t info;
  // An error except EINTR: the child no longer exists.
  while (waitid(P_PID, static_cast<id_t>(watch.pid), &info, WEXITED | WNOWAIT) == -1 && errno == EINTR) {
  }
  uint64_t one = 1;
  // Fails only if the eventfd is already raised.
  if (write(watch.notice, &one, sizeof one) == -1) errno = 0;
  close(watch.notice);
  return nullptr;
}

Failure child_file(pid_t pid, int* fd) {
  siginfo_t info;
  if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT | WNOHANG) == -1) {
    return {errno == ECHILD ? ENOSYS : errno, "pidfd_open"};
  }
  int notice = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (notice == -1) return {errno, "eventfd"};
  int copy = fcntl(notice, F_DUPFD_CLOEXEC, 3);
  if (copy == -1) {
    int code = errno;
    close(notice);
    return {code, "fcntl"};
  }
  Watch* watch = new Watch{pid, copy};
  pthread_t thread;
  if (Failure failure = start_thread(await_end, watch, &thread)) {
    delete watch;
    close(copy);
    close(notice);
    return failure;
  }
  pthread_detach(thread);
  std::lock_guard<std::mutex> guard(substitutes().mutex);
  substitutes().children[notice] = pid;
  *fd = notice;
  return {};
}

}  // namespace

bool has_pidfds() {
  static bool has = detect_pidfds();
  return has;
}

Failure process_file(pid_t pid, int* fd) {
  if (!has_pidfds()) {
    mind_forks();
    return pid == getpid() ? own_file(fd) : child_file(pid, fd);
  }
  *fd = open_pidfd(pid);
  return {*fd == -1 ? errno : 0, "pidfd_open"};
}

Failure signal_process(int process, int signal) {
  if (!has_pidfds()) {
    std::lock_guard<std::mutex> guard(substitutes().mutex);
    auto child = substitutes().children.find(process);
    if (child == substitutes().children.end()) return {EBADF, "kill"};
    return {kill(child->second, signal) == 0 ? 0 : errno, "kill"};
  }
  bool sent = syscall(SYS_pidfd_send_signal, process, signal, nullptr, 0U) == 0;
  return {sent ? 0 : errno, "pidfd_send_signal"};
}

}  // namespace multiproc::sys
