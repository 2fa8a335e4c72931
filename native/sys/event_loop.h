// The event loop below Node: the few calls of libuv that a forked child needs, found at run time.
#pragma once

#include "sys/result.h"

namespace multiproc::sys {

// One loop that has been seen by Node-API. libuv's headers are not used: the calls are looked up by name.
class EventLoop {
 public:
  explicit EventLoop(void* loop) : loop_(loop) {}

  // ENOSYS where the runtime does not export what is needed below.
  static Failure available();

  // In the child: gives the loop a kernel side of its own. False on failure.
  bool fork();

  // Has `turn(context)` called before each time the loop looks for events, and keeps the loop going for ever: from now
  // on it ends by `exit_now`, or as a Worker's that is ended. Once in a thread's life.
  void watch(void (*turn)(void*), void* context);

  // Before the loop is taken down.
  void unwatch();

  // Whether anything but the watch keeps the loop going.
  bool alive();

  // Has `turn(context)` called in each turn of the loop, which does not sleep meanwhile, until it returns true. One at
  // a time.
  void spin(bool (*turn)(void*), void* context);

 private:
  void* loop_;
};

}  // namespace multiproc::sys
