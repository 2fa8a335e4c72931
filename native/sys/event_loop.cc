// The calls of libuv that a forked child needs.
#include "sys/event_loop.h"

#include <dlfcn.h>

#include <cerrno>

namespace multiproc::sys {

namespace {

template <typename Function>
Function find(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

struct Libuv {
  int (*loop_fork)(void*) = find<int (*)(void*)>("uv_loop_fork");
  int (*loop_alive)(const void*) = find<int (*)(const void*)>("uv_loop_alive");
  int (*prepare_init)(void*, void*) = find<int (*)(void*, void*)>("uv_prepare_init");
  int (*prepare_start)(void*, void (*)(void*)) = find<int (*)(void*, void (*)(void*))>("uv_prepare_start");
  void (*close)(void*, void (*)(void*)) = find<void (*)(void*, void (*)(void*))>("uv_close");
  int (*idle_init)(void*, void*) = find<int (*)(void*, void*)>("uv_idle_init");
  int (*idle_start)(void*, void (*)(void*)) = find<int (*)(void*, void (*)(void*))>("uv_idle_start");
  int (*idle_stop)(void*) = find<int (*)(void*)>("uv_idle_stop");
  void (*ref)(void*) = find<void (*)(void*)>("uv_ref");
  void (*unref)(void*) = find<void (*)(void*)>("uv_unref");
};

const Libuv& libuv() {
  static const Libuv libuv;
  return libuv;
}

// uv_prepare_t and uv_idle_t have 120 bytes in libuv 1.x, whose ABI is stable. They live as long as the thread or
// process.
alignas(16) thread_local char prepare[512];
thread_local void (*on_turn)(void*) = nullptr;
thread_local void* on_turn_context = nullptr;

alignas(16) char idle[512];
bool (*on_spin)(void*) = nullptr;
void* on_spin_context = nullptr;

}  // namespace

Failure EventLoop::available() {
  const Libuv& uv = libuv();
  bool all = uv.loop_fork && uv.loop_alive && uv.prepare_init && uv.prepare_start && uv.idle_init && uv.idle_start &&
             uv.idle_stop && uv.close && uv.ref && uv.unref;
  return {all ? 0 : ENOSYS, "dlsym"};
}

bool EventLoop::fork() { return libuv().loop_fork(loop_) == 0; }

void EventLoop::watch(void (*turn)(void*), void* context) {
  on_turn = turn;
  on_turn_context = context;
  libuv().prepare_init(loop_, prepare);
  libuv().prepare_start(prepare, [](void*) { on_turn(on_turn_context); });
}

void EventLoop::unwatch() { libuv().close(prepare, nullptr); }

bool EventLoop::alive() {
  libuv().unref(prepare);
  bool alive = libuv().loop_alive(loop_) != 0;
  libuv().ref(prepare);
  return alive;
}

void EventLoop::spin(bool (*turn)(void*), void* context) {
  on_spin = turn;
  on_spin_context = context;
  // In a child forked during such a turn the handle is already initialised.
  static bool initialised = false;
  if (!initialised) libuv().idle_init(loop_, idle);
  initialised = true;
  libuv().idle_start(idle, [](void*) {
    // The callback may fork and make its child spin with another callback, which must not be stopped here.
    void* context = on_spin_context;
    if (on_spin(context) && on_spin_context == context) libuv().idle_stop(idle);
  });
}

}  // namespace multiproc::sys
