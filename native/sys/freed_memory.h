// malloc's retention of freed memory.
#pragma once

namespace multiproc::sys {

// Makes malloc keep up to 64 MiB of freed memory, instead of returning it to the kernel, which clears it again for each
// large block. glibc raises its threshold when a program frees a block that has a mapping of its own. Settings of the
// user (mallopt, MALLOC_…) disable that adjustment and stay as they are; the malloc of other C libraries is not
// affected.
void keep_freed_memory();

}  // namespace multiproc::sys
