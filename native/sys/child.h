// Making a process that runs a program, in the way that libuv would, but with the end left for us to see.
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
  std::vector<int> descriptors;  // the child's 0, 1, 2 …; it has no others
};

// Starts the program. Signals that are caught here, and SIGPIPE, are at their default in it, and none is blocked. The
// calling thread sleeps until the program runs or could not be run; then there is no process.
Failure spawn_process(const SpawnRequest& request, pid_t* pid);

}  // namespace multiproc::sys
