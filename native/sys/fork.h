// fork(2) for a process with a JavaScript engine, including the repairs in parent and child.
#pragma once

#include <sys/types.h>

#include "sys/result.h"

namespace multiproc::sys {

// Hooks of one part of the addon. Each may be nullptr. All run on the forking thread.
struct ForkHooks {
  void (*prepare)() = nullptr;  // acquire the locks that other threads of this process use
  void (*parent)() = nullptr;   // release them
  void (*child)() = nullptr;    // release them; discard threads and other state of the parent
};

// Registers hooks for the life of the process, once for each part. As with pthread_atfork, `prepare` hooks run in
// reverse order, the others in order. Forks outside `fork_process` (system(3), posix_spawn) skip them: those children
// only exec.
void on_fork(const ForkHooks& hooks);

// Forks: `*pid` is 0 in the child, the child's pid in the parent. `loop` is the thread's uv_loop_t; the child gets its
// own epoll descriptor for it. ENOSYS, without any effect, if the runtime does not export uv_loop_fork.
//
// Only the calling thread exists in the child. The callers ensure that V8 runs with --single-threaded, as V8 and Node
// then require.
Failure fork_process(void* loop, pid_t* pid);

}  // namespace multiproc::sys
