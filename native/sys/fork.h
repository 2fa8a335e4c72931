// fork(2) for a process that holds a JavaScript engine: what must be put right around the call, in parent and child.
#pragma once

#include <sys/types.h>

#include "sys/result.h"

namespace multiproc::sys {

// What one part of the addon does around a fork. Any may be nullptr. All run on the forking thread.
struct ForkHooks {
  void (*prepare)() = nullptr;  // take the locks that other threads of this process use
  void (*parent)() = nullptr;   // give them back
  void (*child)() = nullptr;    // give them back, and forget the threads and whatever else is the parent's alone
};

// Registers hooks for the rest of the process's life, once for each part. As with pthread_atfork, `prepare` runs last
// registered first, the others first registered first. Forks outside `fork_process` (system(3), posix_spawn) do not run
// them: those children only exec.
void on_fork(const ForkHooks& hooks);

// Forks: 0 in the child, the child's id in the parent. `loop` is the thread's uv_loop_t; the child gets its own kernel
// side of it. ENOSYS, before anything happened, where the runtime does not export uv_loop_fork.
//
// Only the calling thread exists in the child. V8 and Node survive that if V8 was started with --single-threaded, and
// the callers see to that.
Failure fork_process(void* loop, pid_t* pid);

}  // namespace multiproc::sys
