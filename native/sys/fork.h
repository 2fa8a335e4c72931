// fork(2) for a process that runs a JavaScript engine, with the repairs that parent and child need.
#pragma once

#include <sys/types.h>

#include "sys/result.h"

namespace multiproc::sys {

// The hooks of one part of the addon around a fork. Each may be nullptr. All run on the forking thread.
struct ForkHooks {
  void (*prepare)() = nullptr;  // acquire the locks that other threads of this process use
  void (*parent)() = nullptr;   // release them
  void (*child)() = nullptr;    // release them; discard threads and other state of the parent
};

// Registers hooks for the life of the process, once for each part. As with pthread_atfork, `prepare` hooks run in
// reverse order of registration, the others in order. Forks outside `fork_process` (system(3), posix_spawn) skip them:
// those children only exec.
void on_fork(const ForkHooks& hooks);

// Forks: sets `*pid` to 0 in the child, to the child's pid in the parent. `loop` is the thread's uv_loop_t; the child
// gets its own epoll descriptor for it. ENOSYS, without any effect, if the runtime does not export uv_loop_fork.
//
// Only the calling thread exists in the child. V8 and Node support that only if V8 was started with --single-threaded;
// the callers ensure it.
Failure fork_process(void* loop, pid_t* pid);

}  // namespace multiproc::sys
