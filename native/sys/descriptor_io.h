// Plain descriptors: reading and writing without waiting, and waiting for several of them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sys/result.h"

namespace multiproc::sys {

// A part of what is to be written.
struct Bytes {
  const void* data;
  size_t size;
};

// Reads what is there, at most `size` bytes. `*count` 0: the other side has closed. EAGAIN: nothing is there.
// Also for a socket that blocks: the call does not change flags that other processes share.
Failure read_some(int fd, void* data, size_t size, size_t* count);

// Writes as much of both parts as there is room for. EAGAIN: there is none. EPIPE (and no signal): nobody reads.
Failure write_some(int fd, Bytes first, Bytes second, size_t* count);

// A descriptor, what to wait for (kReadable, kWritable), and which of it is true (an error counts as both).
struct Interest {
  int fd;
  uint32_t events;
  uint32_t ready;
};

// Waits until one of them is ready, a signal came, or the deadline passed. EBADF: one is not open.
Failure wait_ready(Interest* interests, size_t count, int64_t deadline_ns);

// Whether the number is an open descriptor, which is then kept from children that are executed.
Failure check_open(int fd);

void close_descriptor(int fd);

}  // namespace multiproc::sys
