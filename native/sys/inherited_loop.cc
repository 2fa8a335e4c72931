// The parent's state in a forked child's event loop.
#include "sys/inherited_loop.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <new>

namespace multiproc::sys {

namespace {

template <typename Function>
void find(const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

struct Libuv {
  unsigned (*version)() = nullptr;
  int (*backend_fd)(const void*) = nullptr;
  void (*walk)(void*, void (*)(void*, void*), void*) = nullptr;
  int (*handle_get_type)(const void*) = nullptr;
  int (*fileno)(const void*, int*) = nullptr;
  int (*is_closing)(const void*) = nullptr;
  int (*timer_stop)(void*) = nullptr;
  void (*ref)(void*) = nullptr;
  void (*unref)(void*) = nullptr;

  Libuv() {
    find("uv_version", &version);
    find("uv_backend_fd", &backend_fd);
    find("uv_walk", &walk);
    find("uv_handle_get_type", &handle_get_type);
    find("uv_fileno", &fileno);
    find("uv_is_closing", &is_closing);
    find("uv_timer_stop", &timer_stop);
    find("uv_ref", &ref);
    find("uv_unref", &unref);
  }

  bool complete() const {
    return version && backend_fd && walk && handle_get_type && fileno && is_closing && timer_stop && ref && unref;
  }
};

const Libuv& libuv() {
  static const Libuv libuv;
  return libuv;
}

// uv_handle_type of libuv 1.x
enum HandleType {
  kAsync = 1,
  kFsEvent = 3,
  kFsPoll = 4,
  kNamedPipe = 7,
  kPoll = 8,
  kProcess = 10,
  kTcp = 12,
  kTimer = 13,
  kTty = 14,
  kUdp = 15
};

bool leads_outside(int type) {
  return type == kFsEvent || type == kFsPoll || type == kNamedPipe || type == kPoll || type == kProcess ||
         type == kTcp || type == kTty || type == kUdp;
}

struct Queue {
  Queue* next;
  Queue* previous;
};

// The first members of uv_loop_t of libuv 1.x on Unix.
struct Loop {
  void* data;
  unsigned active_handles;
  Queue handle_queue;
  unsigned active_requests;  // in a union with a pointer
  void* internal_fields;
  unsigned stop_flag;
  unsigned long flags;
  int backend_fd;
  Queue pending_queue;
  Queue watcher_queue;
  void** watchers;
  unsigned nwatchers;
  unsigned nfds;
  Queue work;
  pthread_mutex_t work_mutex;
};
static_assert(sizeof(void*) != 8 || (offsetof(Loop, active_requests) == 32 && offsetof(Loop, backend_fd) == 64 &&
                                     offsetof(Loop, work) == 120 && offsetof(Loop, work_mutex) == 136));

bool is_queue(const Queue& queue) {
  return queue.next != nullptr && queue.previous != nullptr && queue.next->previous == &queue &&
         queue.previous->next == &queue;
}

}  // namespace

Failure InheritedLoop::available() const {
  const Libuv& uv = libuv();
  if (!uv.complete() || uv.version() >> 16 != 1) return {ENOSYS, "dlsym"};
  const Loop* loop = static_cast<const Loop*>(loop_);
  bool as_expected = loop->backend_fd == uv.backend_fd(loop_) && is_queue(loop->handle_queue) &&
                     is_queue(loop->pending_queue) && is_queue(loop->watcher_queue) && is_queue(loop->work);
  return {as_expected ? 0 : ENOSYS, "uv_loop_t"};
}

Failure InheritedLoop::disconnect(const int* keep, size_t count) {
  // The far end stays open: an end of stream would be an event.
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == -1) return {errno, "socketpair"};
  struct Plan {
    int silent;
    const int* keep;
    const int* keep_end;
  } plan = {ends[0], keep, keep + count};
  libuv().walk(
      loop_,
      [](void* handle, void* context) {
        const Libuv& uv = libuv();
        const Plan& plan = *static_cast<Plan*>(context);
        int fd = -1;
        if (!leads_outside(uv.handle_get_type(handle)) || uv.is_closing(handle)) return;
        if (uv.fileno(handle, &fd) != 0 || fd <= STDERR_FILENO) return;
        if (std::find(plan.keep, plan.keep_end, fd) != plan.keep_end) return;
        dup3(plan.silent, fd, O_CLOEXEC);
      },
      &plan);
  close(ends[0]);
  return {};
}

void InheritedLoop::reveal() {
  libuv().walk(
      loop_,
      [](void* handle, void*) {
        const Libuv& uv = libuv();
        if (leads_outside(uv.handle_get_type(handle)) && !uv.is_closing(handle)) uv.ref(handle);
      },
      nullptr);
}

void InheritedLoop::stop_timers() {
  libuv().walk(
      loop_,
      [](void* handle, void*) {
        if (libuv().handle_get_type(handle) == kTimer) libuv().timer_stop(handle);
      },
      nullptr);
}

void InheritedLoop::drop_work() {
  Loop* loop = static_cast<Loop*>(loop_);
  loop->work = {&loop->work, &loop->work};
  // A thread of the pool may have held it at the fork.
  new (&loop->work_mutex) pthread_mutex_t(PTHREAD_MUTEX_INITIALIZER);
}

void InheritedLoop::release() {
  libuv().walk(
      loop_,
      [](void* handle, void*) {
        // Node starts and stops its other handles itself.
        int type = libuv().handle_get_type(handle);
        if (leads_outside(type) || type == kAsync || type == kTimer) libuv().unref(handle);
      },
      nullptr);
  static_cast<Loop*>(loop_)->active_requests = 0;
}

}  // namespace multiproc::sys
