// Non-blocking input and output.
#include "sys/descriptor_io.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "sys/clock.h"
#include "sys/fd_watcher.h"

namespace multiproc::sys {

namespace {

// Only sockets have MSG_DONTWAIT: poll other descriptors before the call.
bool is_ready(int fd, short events) {
  pollfd look = {fd, events, 0};
  return poll(&look, 1, 0) > 0;
}

}  // namespace

Failure read_some(int fd, void* data, size_t size, size_t* count) {
  for (;;) {
    ssize_t got = recv(fd, data, size, MSG_DONTWAIT);
    const char* call = "recv";
    if (got == -1 && errno == ENOTSOCK) {
      if (!is_ready(fd, POLLIN)) return {EAGAIN, "read"};
      got = read(fd, data, size);
      call = "read";
    }
    if (got >= 0) {
      *count = static_cast<size_t>(got);
      return {};
    }
    if (errno != EINTR) return {errno == EWOULDBLOCK ? EAGAIN : errno, call};
  }
}

Failure write_some(int fd, Bytes first, Bytes second, size_t* count) {
  iovec parts[] = {{const_cast<void*>(first.data), first.size}, {const_cast<void*>(second.data), second.size}};
  for (;;) {
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    ssize_t put = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    const char* call = "sendmsg";
    if (put == -1 && errno == ENOTSOCK) {
      if (!is_ready(fd, POLLOUT)) return {EAGAIN, "write"};
      put = writev(fd, parts, 2);
      call = "write";
    }
    if (put >= 0) {
      *count = static_cast<size_t>(put);
      return {};
    }
    if (errno != EINTR) return {errno == EWOULDBLOCK ? EAGAIN : errno, call};
  }
}

Failure wait_ready(Interest* interests, size_t count, int64_t deadline_ns) {
  std::vector<pollfd> fds(count);
  for (size_t i = 0; i < count; i++) {
    uint32_t events = interests[i].events;
    fds[i].fd = interests[i].fd;
    fds[i].events =
        static_cast<short>(((events & kReadable) != 0 ? POLLIN : 0) | ((events & kWritable) != 0 ? POLLOUT : 0));
    interests[i].ready = 0;
  }
  int64_t left = deadline_ns == kForever ? -1 : std::max<int64_t>(deadline_ns - monotonic_ns(), 0);
  timespec timeout = {left / 1'000'000'000, left % 1'000'000'000};
  int ready = ppoll(fds.data(), count, left < 0 ? nullptr : &timeout, nullptr);
  if (ready == -1) return {errno == EINTR ? 0 : errno, "ppoll"};
  for (size_t i = 0; i < count; i++) {
    short seen = fds[i].revents;
    if ((seen & POLLNVAL) != 0) return {EBADF, "ppoll"};
    if ((seen & (POLLIN | POLLHUP | POLLERR)) != 0) interests[i].ready |= kReadable;
    if ((seen & (POLLOUT | POLLHUP | POLLERR)) != 0) interests[i].ready |= kWritable;
    interests[i].ready &= interests[i].events;
  }
  return {};
}

Failure check_open(int fd) {
  int flags = fcntl(fd, F_GETFD);
  if (flags == -1) return {errno, "fcntl"};
  fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
  return {};
}

void close_descriptor(int fd) { close(fd); }

}  // namespace multiproc::sys
