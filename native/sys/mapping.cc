// A shared mapping of a file.
#include "sys/mapping.h"

#include <sys/mman.h>

#include <cerrno>

namespace multiproc::sys {

Failure Mapping::map(int fd, size_t size, std::shared_ptr<Mapping>* mapping) {
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) return {errno, "mmap"};
  mapping->reset(new Mapping(static_cast<uint8_t*>(data), size));
  return {};
}

Mapping::~Mapping() { munmap(data_, size_); }

Failure Mapping::retire() {
  if (retired_) return {};
  // NORESERVE: unused pages must not count against the commit limit.
  void* replaced =
      mmap(data_, size_, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (replaced == MAP_FAILED) return {errno, "mmap"};
  retired_ = true;
  return {};
}

}  // namespace multiproc::sys
