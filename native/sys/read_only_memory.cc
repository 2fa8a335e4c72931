// Access to memory that may be write-protected or unmapped.
#include "sys/read_only_memory.h"

#include <fcntl.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace multiproc::sys {

// Writes through /proc/self/mem, as a debugger does. mprotect would need the old protection, and some systems refuse to
// make a page executable again if constants share it with code.
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
