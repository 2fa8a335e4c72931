// The calls of libuv that a forked child needs, looked up at run time.
#pragma once

#include "sys/result.h"

namespace multiproc::sys {

// A thread's uv_loop_t. libuv's headers are not used: calls are looked up by name.
class EventLoop {
 public:
  explicit EventLoop(void* loop) : loop_(loop) {}

  // Returns ENOSYS if the runtime does not export a required call.
  static Failure available();

  // Gives the loop its own epoll descriptor in a forked child. Returns false on failure.
  bool fork();

  // Calls `turn(context)` before each poll of the loop, and keeps the loop alive until `exit_now` or the Worker's
  // termination. At most once per thread.
  void watch(void (*turn)(void*), void* context);

  // Closes the watch, before the loop is destroyed.
  void unwatch();

  // Returns whether anything except the watch keeps the loop alive.
  bool alive();

  // Calls `turn(context)` in each turn of the loop, without parking in between, until it returns true. One at a time.
  void spin(bool (*turn)(void*), void* context);

 private:
  void* loop_;
};

}  // namespace multiproc::sys
