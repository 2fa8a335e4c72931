// Descriptors of memory files and eventfds, and operations on descriptors.
#pragma once

#include <sys/types.h>

#include <vector>

#include "sys/result.h"

namespace multiproc::sys {

// All new descriptors are close-on-exec, except `place_descriptor`'s.

// Creates a file in memory that vanishes with its last descriptor. The name appears only in /proc.
Failure memory_file(const char* name, int* fd);

// Creates an eventfd: readable after a value other than 0 was written to it.
Failure notice_file(int* fd);

// Duplicates `fd` as `target`, not close-on-exec.
Failure place_descriptor(int fd, int target);

// Duplicates `fd` to a number above the standard descriptors.
Failure copy_descriptor(int fd, int* copy);

Failure close_on_exec(int fd);

void close_descriptors(const std::vector<int>& fds);

}  // namespace multiproc::sys
