// Memory of this process that is not simply read and written.
#include "sys/read_only_memory.h"

#include <fcntl.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace multiproc::sys {

// By the kernel, as a debugger does it. With mprotect the old protection would have to be known, and where constants
// share a page with code, some systems do not give the right to execute back.
Failure overwrite(void* address, const void* bytes, size_t size) {
  int memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  if (memory == -1) return {errno, "open"};
  ssize_t written = pwrite(memory, bytes, size, static_cast<off_t>(reinterpret_cast<intptr_t>(address)));
  int error = written == -1 ? errno : written == static_cast<ssize_t>(size) ? 0 : EIO;
  close(memory);
  return {error, "pwrite"};
}

Failure read_memory(const void* address, void* bytes, size_t size) {
  iovec here = {bytes, size};
  iovec there = {const_cast<void*>(address), size};
  ssize_t got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
  return {got == static_cast<ssize_t>(size) ? 0 : got == -1 ? errno : EFAULT, "process_vm_readv"};
}

}  // namespace multiproc::sys
