// Descriptors that stand for something else than a file on a disk: memory, a notice.
#pragma once

#include <sys/types.h>

#include <vector>

#include "sys/result.h"

namespace multiproc::sys {

// All of these are close-on-exec.

// A file in memory that vanishes with its last descriptor. The name is for people who read /proc.
Failure memory_file(const char* name, int* fd);

// An eventfd: readable once something other than 0 was written to it.
Failure notice_file(int* fd);

// Makes `target` mean the same as `fd`, also for programs started from here.
Failure place_descriptor(int fd, int target);

// Another descriptor, beyond the standard ones, that means the same as `fd`.
Failure copy_descriptor(int fd, int* copy);

// Keeps the descriptor from programs started from here.
Failure close_on_exec(int fd);

void close_descriptors(const std::vector<int>& fds);

}  // namespace multiproc::sys
