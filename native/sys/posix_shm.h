// POSIX shared memory by name, compatible with C's shm_open and Python's SharedMemory: no header, no locks.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "sys/mapping.h"
#include "sys/result.h"

namespace multiproc::sys {

struct PosixShmRequest {
  std::string name;  // with its leading slash
  bool create = false;
  bool exclusive = false;
  mode_t mode = 0600;  // of a new object; the umask applies
  uint64_t size = 0;   // of a new object, or of one that its creator has not sized yet
  uint64_t most = 0;   // EFBIG for an object larger than this
};

// Opens or creates the object, and maps all of it. A new one has its memory reserved: a full /dev/shm causes ENOSPC
// here, instead of SIGBUS at the first store. ENODATA: the object exists and is empty.
Failure open_posix_shm(const PosixShmRequest& request, std::shared_ptr<Mapping>* mapping);

Failure unlink_posix_shm(const std::string& name);

}  // namespace multiproc::sys
