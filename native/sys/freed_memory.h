// What malloc does with memory that was freed.
#pragma once

namespace multiproc::sys {

// From now on malloc keeps up to 64 MiB of freed memory rather than have the kernel take it and clear it anew for each
// large block. glibc learns that from programs: who frees a block that was mapped for it alone is expected to ask for
// such blocks again. Settings of the user's own (mallopt, MALLOC_…) switch the learning off, and stay as they are; the
// malloc of other C libraries is not moved.
void keep_freed_memory();

}  // namespace multiproc::sys
