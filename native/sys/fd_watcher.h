// Asynchronous waits for descriptors: one thread parks in epoll for all of them.
//
// For every descriptor that can be polled: sockets, pipes, pidfds (readable once the process has ended).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sys/futex.h"
#include "sys/result.h"

namespace multiproc::sys {

// Events to wait for, as bits. An error or a hang-up counts as both.
constexpr uint32_t kReadable = 1;
constexpr uint32_t kWritable = 2;

// Starts its thread with the first wait. Empty in a forked child: the waits are the parent's.
class FdWatcher {
 public:
  // Calls `notify(context)` on its thread when `drain` has results. It must not call back.
  FdWatcher(void (*notify)(void*), void* context);

  ~FdWatcher();

  FdWatcher(const FdWatcher&) = delete;
  FdWatcher& operator=(const FdWatcher&) = delete;

  // Starts a wait until the descriptor is ready, which is reported once and may be spurious: check again. Several waits
  // may share a descriptor; end all of them before closing it. With a `bell`, increments it and wakes one waiter on it
  // instead of notifying. Tickets are never 0. EBADF; EMFILE; EAGAIN: no thread can be started.
  Failure arm(int fd, uint32_t events, Word* bell, uint32_t* ticket);

  // Ends a wait: no report follows.
  void disarm(uint32_t ticket);

  // Appends the tickets that became ready since the last call to `tickets`.
  void drain(std::vector<uint32_t>* tickets);

  class State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace multiproc::sys
