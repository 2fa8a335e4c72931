// Descriptors that stand for something else than a file on a disk: memory, a notice, another process.
#include "sys/descriptors.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "sys/clock.h"

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

namespace multiproc::sys {

namespace {

constexpr unsigned kCloseOnExec = 1;  // MFD_CLOEXEC
constexpr int64_t kLongest = 100 * kMillisecond;

}  // namespace

Failure memory_file(const char* name, int* fd) {
  *fd = static_cast<int>(syscall(SYS_memfd_create, name, kCloseOnExec));
  return {*fd == -1 ? errno : 0, "memfd_create"};
}

Failure notice_file(int* fd) {
  *fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return {*fd == -1 ? errno : 0, "eventfd"};
}

Failure process_file(pid_t pid, int* fd) {
  *fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0U));  // pidfds are always close-on-exec
  return {*fd == -1 ? errno : 0, "pidfd_open"};
}

Failure signal_process(int process, int signal) {
  bool sent = syscall(SYS_pidfd_send_signal, process, signal, nullptr, 0U) == 0;
  return {sent ? 0 : errno, "pidfd_send_signal"};
}

Failure await_readable(const std::vector<int>& fds, int64_t deadline_ns, int* ready) {
  std::vector<pollfd> polled;
  for (int fd : fds) polled.push_back({fd, POLLIN, 0});
  int64_t left = deadline_ns - monotonic_ns();
  if (left > kLongest) left = kLongest;
  // Rounded up: a wait that ends early would be looked at again and again.
  int timeout = left <= 0 ? 0 : static_cast<int>((left + kMillisecond - 1) / kMillisecond);
  *ready = -1;
  if (poll(polled.data(), polled.size(), timeout) == -1) return {errno == EINTR ? 0 : errno, "poll"};
  for (size_t i = 0; i < polled.size() && *ready == -1; i++) {
    if (polled[i].revents != 0) *ready = static_cast<int>(i);
  }
  return {};
}

}  // namespace multiproc::sys
