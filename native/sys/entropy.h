// Random bytes from the kernel.
#pragma once

#include <cstddef>

#include "sys/result.h"

namespace multiproc::sys {

Failure fill_random(void* bytes, size_t size);

}  // namespace multiproc::sys
