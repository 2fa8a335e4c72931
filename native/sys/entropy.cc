// Random bytes from the kernel.
#include "sys/entropy.h"

#include <sys/random.h>

#include <cerrno>

namespace multiproc::sys {

Failure fill_random(void* bytes, size_t size) {
  char* next = static_cast<char*>(bytes);
  while (size > 0) {
    ssize_t filled = getrandom(next, size, 0);
    if (filled < 0 && errno != EINTR) return {errno, "getrandom"};
    if (filled < 0) continue;
    next += filled;
    size -= static_cast<size_t>(filled);
  }
  return {};
}

}  // namespace multiproc::sys
