// A shared mapping of a file's bytes, which can be taken out of use while somebody may still be looking at it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "sys/result.h"

namespace multiproc::sys {

// Owns one mmap of a whole object. Share it by shared_ptr: the last reference unmaps. Until then the address range
// stays reserved, so that a pointer into it never reaches somebody else's memory.
class Mapping {
 public:
  // Maps the first `size` bytes (> 0) of `fd` for reading and writing, shared. The descriptor may be closed afterwards.
  static Failure map(int fd, size_t size, std::shared_ptr<Mapping>* mapping);

  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  bool retired() const { return retired_; }

  // Replaces the pages by private zeros: the shared object is let go (its flock and memory too), while asynchronous
  // readers and writers that were already given a pointer go on harmlessly. Idempotent. Fails with ENOMEM where the
  // process has reached its limit of mappings; the pages are then still the shared ones.
  Failure retire();

 private:
  Mapping(uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint8_t* data_;
  size_t size_;
  bool retired_ = false;
};

}  // namespace multiproc::sys
