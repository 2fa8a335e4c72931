// Many descriptors that one thread waits for in one call, whose cost does not grow with their number.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sys/result.h"

namespace multiproc::sys {

// An empty set: a descriptor, close-on-exec, the caller's to close.
Failure poll_set_open(int* set);

// From now on the set tells when the descriptor is readable, hung up or faulty.
Failure poll_set_add(int set, int fd);

// To be called before the descriptor is closed: a copy that another process has would keep it in the set.
Failure poll_set_remove(int set, int fd);

// Sleeps until some are ready, and tells up to `capacity` of them; 0 when the deadline passed. Signals do not end it.
Failure poll_set_wait(int set, int64_t deadline_ns, int* ready, size_t capacity, size_t* count);

}  // namespace multiproc::sys
