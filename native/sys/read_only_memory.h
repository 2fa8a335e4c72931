// Access to this process's memory that may be write-protected (constants such as tables of functions) or unmapped.
#pragma once

#include <cstddef>

#include "sys/result.h"

namespace multiproc::sys {

// Overwrites read-only memory of this process; the protection stays as it is.
Failure overwrite(void* address, const void* bytes, size_t size);

// Copies from an address that may be unmapped: EFAULT.
Failure read_memory(const void* address, void* bytes, size_t size);

}  // namespace multiproc::sys
