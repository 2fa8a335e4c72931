// Conditions as JavaScript sees them: entering, blocking, giving up, and notifying.
#include "binding/exports.h"
#include "binding/target.h"
#include "sync/condition.h"

namespace multiproc::binding {

namespace {

sync::ConditionWords* locate_condition(napi_env env, Arguments& arguments, Located* located) {
  if (!locate(env, arguments, 0, sync::Target::Kind::condition, located)) return nullptr;
  return located->target.condition();
}

// conditionEnter(segment, body): one more wait of this thread; false if there are too many.
napi_value condition_enter(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  sync::ConditionWords* words = locate_condition(env, arguments, &located);
  return words == nullptr ? nullptr : boolean_value(env, sync::condition_enter(*words, participant()));
}

// conditionWait(segment, body, claimed, deadline): blocks; false when the deadline passed.
napi_value condition_wait(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  uint32_t claimed = arguments.u32(2);
  double deadline = arguments.number(3);
  if (locate_condition(env, arguments, &located) == nullptr) return nullptr;
  located.target.argument = claimed;
  return boolean_value(env, block_until(env, located.target, deadline) != sync::kNotYet);
}

// conditionLeave(segment, body, claimed): gives a wait up; false if it has been notified meanwhile.
napi_value condition_leave(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  uint32_t claimed = arguments.u32(2);
  sync::ConditionWords* words = locate_condition(env, arguments, &located);
  return words == nullptr ? nullptr : boolean_value(env, sync::condition_leave(*words, participant(), claimed));
}

// conditionConsume(segment, body): a notified wait has the lock again.
napi_value condition_consume(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  sync::ConditionWords* words = locate_condition(env, arguments, &located);
  if (words == nullptr) return nullptr;
  sync::condition_consume(*words, participant());
  return undefined_value(env);
}

// conditionNotify(segment, body, count): how many waits were notified.
napi_value condition_notify(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  uint32_t count = arguments.u32(2);
  sync::ConditionWords* words = locate_condition(env, arguments, &located);
  return words == nullptr ? nullptr : number_value(env, sync::condition_notify(*words, count));
}

// conditionWaiting(segment, body): how many waits of the living nobody has notified.
napi_value condition_waiting(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  sync::ConditionWords* words = locate_condition(env, arguments, &located);
  return words == nullptr ? nullptr : number_value(env, sync::condition_waiting(*words));
}

}  // namespace

void export_conditions(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "conditionConsume", condition_consume);
  export_function(env, exports, "conditionEnter", condition_enter);
  export_function(env, exports, "conditionLeave", condition_leave);
  export_function(env, exports, "conditionNotify", condition_notify);
  export_function(env, exports, "conditionWait", condition_wait);
  export_function(env, exports, "conditionWaiting", condition_waiting);
}

}  // namespace multiproc::binding
