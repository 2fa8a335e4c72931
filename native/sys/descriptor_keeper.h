// Transfer of descriptors to other processes by ticket: a thread keeps each one open until it is fetched.
//
// Messages in shared memory cannot carry descriptors, and a receiver may have no socket to the sender. The message
// carries a ticket instead: the name of the thread's socket, and a secret.
#pragma once

#include <memory>
#include <string>

#include "sys/result.h"

namespace multiproc::sys {

class DescriptorKeeper {
 public:
  class State;

  DescriptorKeeper();
  // Closes all kept descriptors. A forked child keeps none.
  ~DescriptorKeeper();
  DescriptorKeeper(const DescriptorKeeper&) = delete;
  DescriptorKeeper& operator=(const DescriptorKeeper&) = delete;

  // Keeps a copy of the descriptor. A ticket has fewer than 100 letters, digits and dots.
  Failure keep(int fd, std::string* ticket);

  // Closes the ticket's descriptor. Does nothing for an unknown ticket.
  void drop(const std::string& ticket);

 private:
  std::unique_ptr<State> state_;
};

// Fetches the ticket's descriptor from its keeper, in any process of this user; `last` also removes it there. Waits at
// most five seconds. ECONNREFUSED: the keeper has ended; ENOENT: the keeper no longer has the descriptor; EINVAL: not a
// ticket; ETIMEDOUT: the keeper's process is stopped.
Failure fetch_descriptor(const std::string& ticket, bool last, int* fd);

}  // namespace multiproc::sys
