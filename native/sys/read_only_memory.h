// Memory that this process may read but not write: constants of a loaded program, such as tables of functions.
#pragma once

#include <cstddef>

#include "sys/result.h"

namespace multiproc::sys {

// Changes it for this process alone; its protection stays as it is.
Failure overwrite(void* address, const void* bytes, size_t size);

}  // namespace multiproc::sys
