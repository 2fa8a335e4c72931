// Operations on this process and its children.
#include "sys/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace multiproc::sys {

namespace {

constexpr int kLongestSleep = 100;  // ms

}  // namespace

ChildEnd end_of(int status) {
  ChildEnd end;
  if (WIFSIGNALED(status)) {
    end.signal = WTERMSIG(status);
  } else {
    end.code = WEXITSTATUS(status);
  }
  return end;
}

Failure wait_child(pid_t pid, bool no_hang, ChildEnd* end) {
  int status = 0;
  pid_t ended = 0;
  do {
    ended = waitpid(pid, &status, no_hang ? WNOHANG : 0);
  } while (ended == -1 && errno == EINTR);
  if (ended == -1) return {errno, "waitpid"};
  if (ended != 0) *end = end_of(status);
  end->pid = ended;
  return {};
}

void exit_now(int code) { _exit(code); }

Failure write_all(int fd, const void* data, size_t size, GoOn go_on) {
  const char* next = static_cast<const char*>(data);
  while (size > 0) {
    ssize_t written = write(fd, next, size);
    if (written >= 0) {
      next += written;
      size -= static_cast<size_t>(written);
    } else if (errno == EAGAIN) {
      pollfd room = {fd, POLLOUT, 0};
      if (poll(&room, 1, kLongestSleep) == 0 && go_on.ask != nullptr && !go_on.ask(go_on.context)) {
        return {ECANCELED, "write"};
      }
    } else if (errno != EINTR) {
      return {errno, "write"};
    }
  }
  return {};
}

Failure become_program(const char* file, char* const args[], const std::vector<int>& fds) {
  // Node marks inherited descriptors close-on-exec at its start.
  for (int fd : fds) fcntl(fd, F_SETFD, 0);
  execv(file, args);
  return {errno, "execv"};
}

Failure take_stdio(const int fds[3]) {
  // Copy first: a descriptor may itself be 0, 1 or 2.
  int copies[3] = {-1, -1, -1};
  Failure failure;
  for (int i = 0; i < 3 && !failure; i++) {
    copies[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
    if (copies[i] == -1) failure = {errno, "fcntl"};
  }
  for (int i = 0; i < 3 && !failure; i++) {
    if (dup2(copies[i], i) == -1) failure = {errno, "dup2"};
  }
  for (int copy : copies) {
    if (copy != -1) close(copy);
  }
  return failure;
}

}  // namespace multiproc::sys
