#include "sys/freed_memory.h"

#include <cstddef>
#include <cstdlib>

namespace multiproc::sys {

namespace {

// The largest block that adjusts glibc's threshold: 32 MiB with its header, in whole pages.
constexpr std::size_t kMostLearnt = (std::size_t{32} << 20) - 16 * 1024;

}  // namespace

void keep_freed_memory() {
  // Volatile: compilers remove pairs of malloc and free. The memory is never touched.
  void* volatile block = std::malloc(kMostLearnt);
  std::free(block);
}

}  // namespace multiproc::sys
