// Semaphores as JavaScript sees them: a count in one word, or a table of permits with their holders.
#include "binding/exports.h"
#include "binding/target.h"
#include "sync/semaphore.h"

namespace multiproc::binding {

namespace {

using Kind = sync::Target::Kind;

// semaphoreAcquire(segment, body, deadline): blocks; false when the deadline passed.
napi_value semaphore_acquire(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  double deadline = arguments.number(2);
  if (!locate(env, arguments, 0, Kind::semaphore, &located)) return nullptr;
  return boolean_value(env, block_until(env, located.target, deadline) != sync::kNotYet);
}

// semaphoreRelease(segment, body, count, limit): how many sleepers were woken; −1, with nothing changed, if there were
// more than `limit` then.
napi_value semaphore_release(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t count = arguments.u32(2), limit = arguments.u32(3);
  sync::Word* word = locate_word(env, arguments, 0);
  return word == nullptr ? nullptr : number_value(env, sync::semaphore_release(*word, count, limit));
}

// semaphoreGiveWay(segment, body): lets a sleeper that the last release woke take a permit.
napi_value semaphore_give_way(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  if (!locate(env, arguments, 0, Kind::semaphore, &located)) return nullptr;
  sync::give_way(located.target);
  return undefined_value(env);
}

// permitTry(segment, body, limit): the index of the permit taken, or −1.
napi_value permit_try(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  if (!locate(env, arguments, 0, Kind::permits, &located)) return nullptr;
  return number_value(env, sync::permits_try(located.target.permits(), participant()));
}

// permitAcquire(segment, body, limit, deadline): blocks; the index of the permit taken, or −1 when the deadline passed.
napi_value permit_acquire(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  double deadline = arguments.number(3);
  if (!locate(env, arguments, 0, Kind::permits, &located)) return nullptr;
  return number_value(env, block_until(env, located.target, deadline));
}

// permitRelease(segment, body, limit, index): how many sleepers were woken; −1 if this thread does not hold that
// permit.
napi_value permit_release(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  uint32_t index = arguments.u32(3);
  if (!locate(env, arguments, 0, Kind::permits, &located)) return nullptr;
  return number_value(env, sync::permits_release(located.target.permits(), participant(), index));
}

// permitGiveWay(segment, body, limit): lets a sleeper that the last release woke take a permit.
napi_value permit_give_way(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  if (!locate(env, arguments, 0, Kind::permits, &located)) return nullptr;
  sync::give_way(located.target);
  return undefined_value(env);
}

// permitsFree(segment, body, limit): how many permits are free or held by the dead.
napi_value permits_free(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  if (!locate(env, arguments, 0, Kind::permits, &located)) return nullptr;
  return number_value(env, sync::permits_free(located.target.permits()));
}

}  // namespace

void export_semaphores(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "permitAcquire", permit_acquire);
  export_function(env, exports, "permitGiveWay", permit_give_way);
  export_function(env, exports, "permitRelease", permit_release);
  export_function(env, exports, "permitTry", permit_try);
  export_function(env, exports, "permitsFree", permits_free);
  export_function(env, exports, "semaphoreAcquire", semaphore_acquire);
  export_function(env, exports, "semaphoreGiveWay", semaphore_give_way);
  export_function(env, exports, "semaphoreRelease", semaphore_release);
}

}  // namespace multiproc::binding
