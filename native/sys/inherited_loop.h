// What a forked child finds in its event loop and must not act upon: its parent's handles, requests and finished work.
#pragma once

#include <cstddef>

#include "sys/result.h"

namespace multiproc::sys {

// The loop of a process that forks, and of its child right after that. libuv has calls for most of this; the queue of
// finished work and the count of requests are reached through the public part of uv_loop_t, whose layout is fixed for
// libuv 1.x and is compared with what the calls say.
class InheritedLoop {
 public:
  explicit InheritedLoop(void* loop) : loop_(loop) {}

  // Before a fork: ENOSYS where the runtime does not export what is needed below, or lays its loop out in another way.
  Failure available() const;

  // In the child, from here on. Descriptors of sockets, pipes and the like now lead nowhere: nothing that the child
  // still does with a handle reaches the parent's peers. The standard ones stay, and those to keep.
  Failure disconnect(const int* keep, size_t count);

  // Makes every handle that wraps something of the outside world count as one that keeps the loop going, which is what
  // Node lists.
  void reveal();

  // No timer will fire; Node's one starts again at its next use.
  void stop_timers();

  // What the pool's threads had done and nobody had looked at, and what they were at.
  void drop_work();

  // Nothing that is here now keeps the loop going. Call it when what was closed is closed.
  void release();

 private:
  void* loop_;
};

}  // namespace multiproc::sys
