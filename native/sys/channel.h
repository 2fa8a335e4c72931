// Unix sockets between processes of one family: pairs that need no name, which carry bytes, descriptors and the
// sender's identity.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "sys/result.h"

namespace multiproc::sys {

// What one message carries beside its bytes.
constexpr size_t kMostDescriptors = 16;

// Two connected sockets that no program started from here inherits. With `packets` a message keeps its bounds, and many
// senders may share one end; without, the bytes are a stream.
Failure channel_pair(bool packets, int ends[2]);

// From now on `receive` tells who sent each message.
Failure identify_senders(int socket);

// Sends one message whole, with `count` descriptors, which stay open here. Sleeps while there is no room. `sent` is
// false when the deadline passed; of a stream a part may have gone then. EPIPE: nobody is left on the other side.
Failure send(int socket, const void* data, size_t size, const int* descriptors, size_t count, int64_t deadline_ns,
             bool* sent);

struct Received {
  bool any = false;        // false: the deadline passed
  bool truncated = false;  // the message was longer than the buffer, or carried too many descriptors
  size_t size = 0;         // 0: nobody is left who could send
  int descriptors[kMostDescriptors];
  size_t count = 0;  // the descriptors are the caller's to close
  pid_t pid = 0;     // of the sender, in this process's eyes; 0 unless `identify_senders`
  uid_t uid = static_cast<uid_t>(-1);
};

// Receives one message, or of a stream what is there; sleeps while there is nothing.
Failure receive(int socket, void* buffer, size_t capacity, int64_t deadline_ns, Received* received);

}  // namespace multiproc::sys
