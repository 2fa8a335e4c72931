// A set of descriptors that one call waits for.
#include "sys/poll_set.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

#include "sys/clock.h"

namespace multiproc::sys {

namespace {

constexpr size_t kMostAtOnce = 64;

}  // namespace

Failure poll_set_open(int* set) {
  *set = epoll_create1(EPOLL_CLOEXEC);
  return {*set == -1 ? errno : 0, "epoll_create1"};
}

Failure poll_set_add(int set, int fd) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return {epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == -1 ? errno : 0, "epoll_ctl"};
}

Failure poll_set_remove(int set, int fd) {
  return {epoll_ctl(set, EPOLL_CTL_DEL, fd, nullptr) == -1 ? errno : 0, "epoll_ctl"};
}

Failure poll_set_wait(int set, int64_t deadline_ns, int* ready, size_t capacity, size_t* count) {
  epoll_event events[kMostAtOnce];
  int most = static_cast<int>(std::min(capacity, kMostAtOnce));
  for (;;) {
    int found = epoll_wait(set, events, most, timeout_until(deadline_ns));
    if (found == -1 && errno == EINTR) continue;
    if (found == -1) return {errno, "epoll_wait"};
    for (int i = 0; i < found; i++) ready[i] = events[i].data.fd;
    *count = static_cast<size_t>(found);
    return {};
  }
}

}  // namespace multiproc::sys
