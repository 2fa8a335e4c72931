// Memory files, eventfds and other descriptors.
#include "sys/descriptors.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace multiproc::sys {

namespace {

constexpr unsigned kCloseOnExec = 1;  // MFD_CLOEXEC

}  // namespace

Failure memory_file(const char* name, int* fd) {
  *fd = static_cast<int>(syscall(SYS_memfd_create, name, kCloseOnExec));
  return {*fd == -1 ? errno : 0, "memfd_create"};
}

Failure notice_file(int* fd) {
  *fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return {*fd == -1 ? errno : 0, "eventfd"};
}

Failure place_descriptor(int fd, int target) { return {dup2(fd, target) == -1 ? errno : 0, "dup2"}; }

Failure copy_descriptor(int fd, int* copy) {
  *copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  return {*copy == -1 ? errno : 0, "fcntl"};
}

Failure close_on_exec(int fd) { return {fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ? errno : 0, "fcntl"}; }

// Not repeated after EINTR: Linux has closed the descriptor, and another thread may have reused its number.
void close_descriptors(const std::vector<int>& fds) {
  for (int fd : fds) close(fd);
}

}  // namespace multiproc::sys
