// A set of descriptors that one call waits for, at a cost independent of their number.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sys/result.h"

namespace multiproc::sys {

// Creates an empty set: a close-on-exec descriptor, which the caller closes.
Failure poll_set_open(int* set);

// Makes the set report when the descriptor is readable, hung up or faulty.
Failure poll_set_add(int set, int fd);

// Removes the descriptor. Call it before closing: a copy in another process would keep it in the set.
Failure poll_set_remove(int set, int fd);

// Parks until descriptors are ready, and reports up to `capacity` of them; 0 when the deadline passed. Signals do not
// end the wait.
Failure poll_set_wait(int set, int64_t deadline_ns, int* ready, size_t capacity, size_t* count);

}  // namespace multiproc::sys
