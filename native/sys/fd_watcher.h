// Waiting for descriptors without blocking: one thread that sleeps in epoll for all of them.
//
// Descriptors of any kind that can be polled: sockets, pipes, pidfds (readable once the process has ended).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sys/futex.h"
#include "sys/result.h"

namespace multiproc::sys {

// What to wait for, as bits. An error or a hang-up counts as both.
constexpr uint32_t kReadable = 1;
constexpr uint32_t kWritable = 2;

// The thread starts with the first wait. In the child of a fork a watcher is empty: the waits are the parent's.
class FdWatcher {
 public:
  // `notify(context)` is called on the watcher's thread when there is something to drain. It must not call back.
  FdWatcher(void (*notify)(void*), void* context);

  // Stops and joins the thread.
  ~FdWatcher();

  FdWatcher(const FdWatcher&) = delete;
  FdWatcher& operator=(const FdWatcher&) = delete;

  // Starts to wait until the descriptor is ready, which is told once. It may be told for no reason: look again. Any
  // number of waits may be for one descriptor; end them all before closing it. With a `bell` the watcher raises it
  // and wakes one sleeper there instead of notifying. Tickets are never 0. EBADF; EMFILE, EAGAIN: no room for a thread.
  Failure arm(int fd, uint32_t events, Word* bell, uint32_t* ticket);

  // Ends a wait; nothing of it is told any more.
  void disarm(uint32_t ticket);

  // Moves the tickets that have become ready since the last call to `tickets`.
  void drain(std::vector<uint32_t>* tickets);

  class State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace multiproc::sys
