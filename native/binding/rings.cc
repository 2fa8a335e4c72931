// Rings as JavaScript sees them: waiting, waking, and the memory behind their extents.
#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/target.h"
#include "sync/ring.h"
#include "sys/shm_file.h"

namespace multiproc::binding {

namespace {

enum Outcome { kMissed, kSeenAtOnce, kSlept };

// ringWait(kind, segment, body, argument, deadline, look): 0 when the deadline passed, 1 if looking was enough, 2 after
// a sleep.
napi_value ring_wait(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t kind = arguments.u32(0), argument = arguments.u32(3);
  double deadline = arguments.number(4);
  bool look = arguments.boolean(5);
  Located located;
  if (!arguments.ok() || !locate(env, arguments, 1, static_cast<sync::Target::Kind>(kind), &located)) return nullptr;
  located.target.argument = argument;
  if (look && sync::ring_look(*located.target.ring(), located.target.ring_wait(), argument)) {
    return number_value(env, kSeenAtOnce);
  }
  return number_value(env, block_until(env, located.target, deadline) == sync::kNotYet ? kMissed : kSlept);
}

// ringWake(segment, offset of the mark, count): wakes so many who sleep there.
napi_value ring_wake(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  sync::Word* word = locate_word(env, arguments, 0);
  int32_t count = arguments.i32(2);
  if (word == nullptr || !arguments.ok()) return nullptr;
  return number_value(env, sys::futex_wake(word, count));
}

// segmentReserve(id, offset, length): backs a part of a sparse segment with memory.
napi_value segment_reserve(napi_env env, napi_callback_info info) {
  uint64_t offset = 0, length = 0;
  sync::Segment* segment = segment_range(env, info, &offset, &length);
  if (segment == nullptr) return nullptr;
  sys::Failure failure = sync::reserve_part(segment, offset, length);
  return failure ? throw_failure(env, failure, segment->name) : undefined_value(env);
}

// segmentDiscard(id, offset, length): gives the memory behind a part of a sparse segment back.
napi_value segment_discard(napi_env env, napi_callback_info info) {
  uint64_t offset = 0, length = 0;
  sync::Segment* segment = segment_range(env, info, &offset, &length);
  if (segment == nullptr) return nullptr;
  sync::discard_part(segment, offset, length);
  return undefined_value(env);
}

}  // namespace

void export_rings(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "ringWait", ring_wait);
  export_function(env, exports, "ringWake", ring_wake);
  export_function(env, exports, "segmentDiscard", segment_discard);
  export_function(env, exports, "segmentReserve", segment_reserve);
}

}  // namespace multiproc::binding
