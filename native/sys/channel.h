// Unix socket pairs between related processes, which carry bytes, descriptors and the sender's identity.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "sys/result.h"

namespace multiproc::sys {

// Upper bound on the descriptors in one message.
constexpr size_t kMostDescriptors = 16;

// Creates two connected sockets, close-on-exec. With `packets`, messages keep their bounds and several senders may
// share an end; otherwise a byte stream.
Failure channel_pair(bool packets, int ends[2]);

// Makes `receive` report the sender of each message.
Failure identify_senders(int socket);

// Sends one whole message with `count` descriptors, which stay open here. Sleeps while the buffer is full. `sent` is
// false after the deadline; part of a stream may have been sent. EPIPE: no receiver is left.
Failure send(int socket, const void* data, size_t size, const int* descriptors, size_t count, int64_t deadline_ns,
             bool* sent);

struct Received {
  bool any = false;        // false: the deadline passed
  bool truncated = false;  // exceeded the buffer or kMostDescriptors
  size_t size = 0;         // 0: no sender is left
  int descriptors[kMostDescriptors];
  size_t count = 0;  // the caller closes the descriptors
  pid_t pid = 0;     // the sender's, in this pid namespace; 0 unless `identify_senders`
  uid_t uid = static_cast<uid_t>(-1);
};

// Receives one message, or the available bytes of a stream; sleeps while the buffer is empty.
Failure receive(int socket, void* buffer, size_t capacity, int64_t deadline_ns, Received* received);

}  // namespace multiproc::sys
