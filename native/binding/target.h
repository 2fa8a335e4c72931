// How a binding finds the words of an object: by segment id and byte offset, checked against the segment's size.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/arguments.h"
#include "sync/wait.h"
#include "sys/mapping.h"

namespace multiproc::binding {

struct Located {
  sync::Target target;
  std::shared_ptr<sys::Mapping> memory;
};

// Reads (segment id, offset of the body, number of permits or parties) from the arguments at `index`. The number is
// looked at for robust semaphores and barriers only. False, with an exception pending, if the words are not inside the
// segment.
bool locate(napi_env env, Arguments& arguments, size_t index, sync::Target::Kind kind, Located* located);

// The word alone, for calls that cannot wait: cheaper, as nothing is shared.
sync::Word* locate_word(napi_env env, Arguments& arguments, size_t index);

// This thread's participant id: attached by the TypeScript side before any object exists.
uint32_t participant();

// A deadline of JavaScript's, in ms on CLOCK_MONOTONIC, as the floors below have it.
int64_t to_nanoseconds(double deadline_ms);

// Every blocking sleep is bounded, so a Worker that waits for ever can still be terminated: between two sleeps its
// heartbeat, an empty function, is called, which fails once V8 was told to terminate the thread. `env` is a napi_env.
bool still_running(void* env);

// Blocks until the target is won, the deadline (in ms, on CLOCK_MONOTONIC) passed, or the environment is terminated.
int32_t block_until(napi_env env, const sync::Target& target, double deadline_ms);

}  // namespace multiproc::binding
