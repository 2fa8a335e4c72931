// malloc's retention of freed memory.
#pragma once

namespace multiproc::sys {

// Makes malloc keep up to 64 MiB of freed memory, which the kernel would otherwise clear again for each large block.
// glibc raises its threshold when a program frees a block that has its own mapping. Settings of the user (mallopt,
// MALLOC_…) disable that, and stay; other C libraries are not affected.
void keep_freed_memory();

}  // namespace multiproc::sys
