// Non-blocking reads and writes on any descriptor, and waits for several of them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sys/result.h"

namespace multiproc::sys {

struct Bytes {
  const void* data;
  size_t size;
};

// Reads at most `size` available bytes. `*count` 0: the peer has closed. EAGAIN: no bytes are available. Never blocks,
// and leaves the descriptor's flags unchanged: other processes share them.
Failure read_some(int fd, void* data, size_t size, size_t* count);

// Writes as much of both parts as fits. EAGAIN: no room. EPIPE (without SIGPIPE): no reader is left.
Failure write_some(int fd, Bytes first, Bytes second, size_t* count);

// A descriptor, the events to wait for (kReadable, kWritable) and those that occurred (an error counts as both).
struct Interest {
  int fd;
  uint32_t events;
  uint32_t ready;
};

// Waits until a descriptor is ready, a signal arrives, or the deadline passes. EBADF: one is not open.
Failure wait_ready(Interest* interests, size_t count, int64_t deadline_ns);

// Checks that the descriptor is open, and marks it close-on-exec.
Failure check_open(int fd);

void close_descriptor(int fd);

}  // namespace multiproc::sys
