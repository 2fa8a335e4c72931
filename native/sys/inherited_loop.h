// The parent's handles, requests and finished work in a forked child's event loop.
#pragma once

#include <cstddef>

#include "sys/result.h"

namespace multiproc::sys {

// The loop of a process that forks, and of its child. libuv has calls for most operations; the queue of finished work
// and the count of requests are reached through the public part of uv_loop_t, whose layout is fixed in libuv 1.x and is
// compared with the results of calls.
class InheritedLoop {
 public:
  explicit InheritedLoop(void* loop) : loop_(loop) {}

  // Checks, before a fork, that libuv has the required calls and layout; otherwise ENOSYS.
  Failure available() const;

  // Redirects the child's descriptors of sockets, pipes and similar handles to an unused socket: operations on handles
  // do not reach the parent's peers. Keeps the standard descriptors and `keep`. The methods below also run in the
  // child.
  Failure disconnect(const int* keep, size_t count);

  // References every handle of an external resource: Node lists only those that keep the loop alive.
  void reveal();

  // Stops all timers; Node restarts its own at its next use.
  void stop_timers();

  // Discards the thread pool's finished and unfinished work.
  void drop_work();

  // Unreferences the remaining handles and requests. Call it after all closing handles are closed.
  void release();

 private:
  void* loop_;
};

}  // namespace multiproc::sys
