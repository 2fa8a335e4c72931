// Descriptors on their way to other processes: a thread keeps them open, and hands them to whoever shows their ticket.
//
// Messages of bytes cannot carry descriptors, and whoever reads one may have no socket to who wrote it. So the message
// carries a ticket: the name of a socket at which the thread waits, and a secret.
#pragma once

#include <memory>
#include <string>

#include "sys/result.h"

namespace multiproc::sys {

class DescriptorKeeper {
 public:
  class State;

  DescriptorKeeper();
  // What is still kept is closed: nobody gets it any more. In the child of a fork nothing is kept.
  ~DescriptorKeeper();
  DescriptorKeeper(const DescriptorKeeper&) = delete;
  DescriptorKeeper& operator=(const DescriptorKeeper&) = delete;

  // Keeps a copy of the descriptor. The ticket has letters, figures and dots, fewer than 100.
  Failure keep(int fd, std::string* ticket);

  // Nobody is going to ask for it. Nothing for a ticket that is none any more.
  void drop(const std::string& ticket);

 private:
  std::unique_ptr<State> state_;
};

// Fetches the descriptor for a ticket from its keeper, of whatever process of this user; `last`: nobody else will.
// Waits for up to five seconds. ECONNREFUSED: the keeper has ended; ENOENT: it does not have that any more; EINVAL: it
// is no ticket; ETIMEDOUT: its process is stopped.
Failure fetch_descriptor(const std::string& ticket, bool last, int* fd);

}  // namespace multiproc::sys
