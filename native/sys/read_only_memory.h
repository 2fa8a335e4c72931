// Memory of this process that is not simply read and written: constants of a loaded program, such as tables of
// functions, and what may not be there.
#pragma once

#include <cstddef>

#include "sys/result.h"

namespace multiproc::sys {

// Changes it for this process alone; its protection stays as it is.
Failure overwrite(void* address, const void* bytes, size_t size);

// Copies from an address that need not be one: EFAULT.
Failure read_memory(const void* address, void* bytes, size_t size);

}  // namespace multiproc::sys
