// Starting a child program as libuv does, except that this addon reaps it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "sys/result.h"

namespace multiproc::sys {

struct SpawnRequest {
  std::string file;  // a path; PATH is not searched
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // NAME=value
  std::string directory;
  std::vector<int> descriptors;  // the child's 0, 1, 2 …; it inherits no others
};

// Starts the program, with caught signals and SIGPIPE at their defaults and no signal blocked. The calling thread
// sleeps until exec succeeds or fails; a failure leaves no process.
Failure spawn_process(const SpawnRequest& request, pid_t* pid);

}  // namespace multiproc::sys
