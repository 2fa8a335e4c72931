// Locks as JavaScript sees them: the slow paths behind the two compare-and-swaps that its fast path does by itself.
#include "binding/exports.h"
#include "binding/target.h"
#include "sync/lock.h"

namespace multiproc::binding {

namespace {

// lockTry(segment, body): takes the lock if it is free or its owner is dead.
napi_value lock_try(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  sync::Word* word = locate_word(env, arguments, 0);
  return word == nullptr ? nullptr : boolean_value(env, sync::lock_try(*word, participant()));
}

// lockAcquire(segment, body, deadline): blocks; false when the deadline passed.
napi_value lock_acquire(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  double deadline = arguments.number(2);
  if (!locate(env, arguments, 0, sync::Target::Kind::lock, &located)) return nullptr;
  return boolean_value(env, block_until(env, located.target, deadline) != sync::kNotYet);
}

// lockRelease(segment, body): how many sleepers were woken, or −1 if nobody held it.
napi_value lock_release(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  sync::Word* word = locate_word(env, arguments, 0);
  return word == nullptr ? nullptr : number_value(env, sync::lock_release(*word));
}

// lockGiveWay(segment, body): lets a sleeper that the last release woke take the lock.
napi_value lock_give_way(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  if (!locate(env, arguments, 0, sync::Target::Kind::lock, &located)) return nullptr;
  sync::give_way(located.target);
  return undefined_value(env);
}

// lockMarkConsistent(segment, body): false if this thread does not hold it.
napi_value lock_mark_consistent(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  sync::Word* word = locate_word(env, arguments, 0);
  return word == nullptr ? nullptr : boolean_value(env, sync::lock_mark_consistent(*word, participant()));
}

}  // namespace

void export_locks(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "lockAcquire", lock_acquire);
  export_function(env, exports, "lockGiveWay", lock_give_way);
  export_function(env, exports, "lockMarkConsistent", lock_mark_consistent);
  export_function(env, exports, "lockRelease", lock_release);
  export_function(env, exports, "lockTry", lock_try);
}

}  // namespace multiproc::binding
