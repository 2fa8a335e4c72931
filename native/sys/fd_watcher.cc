// Asynchronous waits for descriptors.
#include "sys/fd_watcher.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <mutex>

#include "sys/fork_members.h"
#include "sys/thread.h"

namespace multiproc::sys {

namespace {

struct Wait {
  uint32_t ticket;
  uint32_t events;
  Word* bell;
};

}  // namespace

class FdWatcher::State {
 public:
  std::mutex mutex;
  std::map<int, std::vector<Wait>> waits;  // by descriptor: the epoll set has one entry each
  std::vector<uint32_t> ready;
  uint32_t last_ticket = 0;
  bool running = false;
  bool stopping = false;
  pthread_t thread{};
  int epoll = -1;
  int doorbell = -1;  // an eventfd that stops the thread
  void (*notify)(void*) = nullptr;
  void* context = nullptr;

  Failure start();
  void run();
  void close_all();
  void forget();
  int set_interest(int operation, int fd);
  bool settle(int fd, uint32_t events);
};

namespace {

void* thread_main(void* state) {
  static_cast<FdWatcher::State*>(state)->run();
  return nullptr;
}

}  // namespace

void FdWatcher::State::close_all() {
  if (epoll != -1) close(epoll);
  if (doorbell != -1) close(doorbell);
  epoll = doorbell = -1;
}

// The child shares the parent's epoll set and must not change it, only close it.
void FdWatcher::State::forget() {
  waits.clear();
  ready.clear();
  running = false;
  close_all();
}

Failure FdWatcher::State::start() {
  Failure failure;
  epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll == -1) failure = {errno, "epoll_create1"};
  if (!failure) {
    doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (doorbell == -1) failure = {errno, "eventfd"};
  }
  if (!failure) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = doorbell;
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, doorbell, &event) != 0) failure = {errno, "epoll_ctl"};
  }
  if (!failure) failure = start_thread(thread_main, this, &thread);
  if (failure) {
    close_all();
    return failure;
  }
  running = true;
  return {};
}

// Updates the descriptor's epoll entry to what its waits want. Returns 0 or an errno.
int FdWatcher::State::set_interest(int operation, int fd) {
  epoll_event event{};
  for (const Wait& wait : waits[fd]) {
    if ((wait.events & kReadable) != 0) event.events |= EPOLLIN | EPOLLRDHUP;
    if ((wait.events & kWritable) != 0) event.events |= EPOLLOUT;
  }
  event.data.fd = fd;
  return epoll_ctl(epoll, operation, fd, &event) == 0 ? 0 : errno;
}

// Ends the waits that these events satisfy; returns true if `notify` must be called.
bool FdWatcher::State::settle(int fd, uint32_t events) {
  auto found = waits.find(fd);
  if (found == waits.end()) return false;
  uint32_t now = 0;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) now |= kReadable;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) now |= kWritable;
  std::vector<Wait>& list = found->second;
  bool tell = false;
  for (size_t i = 0; i < list.size();) {
    if ((list[i].events & now) == 0) {
      i++;
      continue;
    }
    if (list[i].bell != nullptr) {
      list[i].bell->fetch_add(1);
      futex_wake(list[i].bell, 1);
    } else {
      ready.push_back(list[i].ticket);
      tell = true;
    }
    list.erase(list.begin() + static_cast<ptrdiff_t>(i));
  }
  // Removed explicitly: a duplicate in another process would keep a closed descriptor there.
  if (!list.empty()) {
    set_interest(EPOLL_CTL_MOD, fd);
  } else {
    epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr);
    waits.erase(found);
  }
  return tell;
}

void FdWatcher::State::run() {
  constexpr int kAtOnce = 64;
  epoll_event events[kAtOnce];
  for (;;) {
    int count = epoll_wait(epoll, events, kAtOnce, -1);
    std::lock_guard<std::mutex> guard(mutex);
    if (stopping) return;
    bool tell = false;
    for (int i = 0; i < count; i++) tell |= settle(events[i].data.fd, events[i].events);
    if (tell) notify(context);
  }
}

FdWatcher::FdWatcher(void (*notify)(void*), void* context) : state_(new State) {
  state_->notify = notify;
  state_->context = context;
  ForkMembers<State>::add(state_.get());
}

FdWatcher::~FdWatcher() {
  ForkMembers<State>::remove(state_.get());
  bool running = false;
  {
    std::lock_guard<std::mutex> guard(state_->mutex);
    state_->stopping = true;
    running = state_->running;
    // An eventfd's counter always has room for 1.
    if (running && eventfd_write(state_->doorbell, 1) != 0) abort();
  }
  if (running) pthread_join(state_->thread, nullptr);
  state_->close_all();
}

Failure FdWatcher::arm(int fd, uint32_t events, Word* bell, uint32_t* ticket) {
  std::lock_guard<std::mutex> guard(state_->mutex);
  if (!state_->running) {
    // Before the watcher opens its own descriptors, which may reuse the number of a closed one.
    if (fcntl(fd, F_GETFD) == -1) return {errno, "fcntl"};
    if (Failure failure = state_->start()) return failure;
  }
  if (++state_->last_ticket == 0) ++state_->last_ticket;
  std::vector<Wait>& list = state_->waits[fd];
  list.push_back({state_->last_ticket, events, bell});
  int code = state_->set_interest(list.size() == 1 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd);
  // `waits` and the epoll set disagree if a descriptor was closed before its waits ended.
  if (code == ENOENT) code = state_->set_interest(EPOLL_CTL_ADD, fd);
  if (code == EEXIST) code = state_->set_interest(EPOLL_CTL_MOD, fd);
  if (code == EPERM) {
    // A regular file: always ready.
    if (state_->settle(fd, EPOLLIN | EPOLLOUT)) state_->notify(state_->context);
  } else if (code != 0) {
    list.pop_back();
    if (list.empty()) state_->waits.erase(fd);
    return {code, "epoll_ctl"};
  }
  *ticket = state_->last_ticket;
  return {};
}

void FdWatcher::disarm(uint32_t ticket) {
  std::lock_guard<std::mutex> guard(state_->mutex);
  auto& ready = state_->ready;
  ready.erase(std::remove(ready.begin(), ready.end(), ticket), ready.end());
  for (auto& [fd, list] : state_->waits) {
    for (size_t i = 0; i < list.size(); i++) {
      if (list[i].ticket != ticket) continue;
      list.erase(list.begin() + static_cast<ptrdiff_t>(i));
      if (!list.empty()) {
        state_->set_interest(EPOLL_CTL_MOD, fd);
      } else {
        epoll_ctl(state_->epoll, EPOLL_CTL_DEL, fd, nullptr);
        state_->waits.erase(fd);
      }
      return;
    }
  }
}

void FdWatcher::drain(std::vector<uint32_t>* tickets) {
  std::lock_guard<std::mutex> guard(state_->mutex);
  tickets->insert(tickets->end(), state_->ready.begin(), state_->ready.end());
  state_->ready.clear();
}

}  // namespace multiproc::sys
