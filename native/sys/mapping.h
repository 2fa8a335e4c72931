// A shared mapping of a file, which can be retired while pointers into it are in use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "sys/result.h"

namespace multiproc::sys {

// Owns the mmap of a whole object. Share it by shared_ptr: the last reference unmaps it. Until then the address range
// stays reserved: stale pointers reach no unrelated memory.
class Mapping {
 public:
  // Maps the first `size` bytes (> 0) of `fd`, shared. The descriptor may be closed afterwards.
  static Failure map(int fd, size_t size, std::shared_ptr<Mapping>* mapping);

  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  bool retired() const { return retired_; }

  // Replaces the pages by private zeros: the shared object is released (with its flock and memory), while asynchronous
  // operations with a pointer continue harmlessly. Idempotent. ENOMEM: the process has reached its limit of mappings;
  // the pages are still shared.
  Failure retire();

 private:
  Mapping(uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint8_t* data_;
  size_t size_;
  bool retired_ = false;
};

}  // namespace multiproc::sys
