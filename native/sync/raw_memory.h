// Shared memory without a header: raw bytes, which programs in C and Python may share.
#pragma once

#include <cstdint>
#include <string>

#include "sync/segment.h"

namespace multiproc::sync {

// Makes memory that has no name yet, all zero. It is published and let go like a segment, but has no blocks.
sys::Failure create_raw(uint64_t size, const std::string& temporary_name, Segment* memory);

// Opens what somebody has made, of whatever size. ENODATA: it exists, but its maker has not given it a size yet; with
// `size_if_empty` it gets that one instead. EFBIG: it is larger than `most`.
sys::Failure open_raw(const std::string& name, uint64_t most, uint64_t size_if_empty, Segment* memory);

}  // namespace multiproc::sync
