// Conditions as JavaScript sees them: entering, blocking, giving up, and notifying.
#include "binding/exports.h"
#include "binding/target.h"
#include "sync/condition.h"
#include "sync/lock.h"
#include "sys/clock.h"

namespace multiproc::binding {

namespace {

sync::ConditionWords* locate_condition(napi_env env, Arguments& arguments, Located* located) {
  if (!locate(env, arguments, 0, sync::Target::Kind::condition, located)) return nullptr;
  return located->target.condition();
}

constexpr int32_t kTooMany = -1, kNotified = 1, kHeld = 2;

// Whoever enters is among those that the next holder of the lock may notify, so the lock is freed after that. On false,
// the environment was told to end: then nobody wants the lock any more.
bool lend_and_wait(napi_env env, const sync::Target& condition, const sync::Target& lock, double deadline_ms,
                   int32_t* outcome) {
  uint32_t me = participant();
  sync::ConditionWords& words = *condition.condition();
  if (!sync::condition_enter(words, me)) {
    *outcome = kTooMany;
    return true;
  }
  sync::lock_release(*lock.word);
  sync::condition_wake(words);
  bool notified = block_until(env, condition, deadline_ms) != sync::kNotYet;
  if (!notified && sys::monotonic_ns() < to_nanoseconds(deadline_ms)) return false;
  if (!notified) notified = !sync::condition_leave(words, me, condition.argument);
  bool held = sync::look_for(lock, me) != sync::kNotYet;
  if (held && notified) sync::condition_consume(words, me);
  *outcome = (notified ? kNotified : 0) | (held ? kHeld : 0);
  return true;
}

// conditionEnter(segment, body): one more wait of this thread; false if there are too many.
napi_value condition_enter(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  sync::ConditionWords* words = locate_condition(env, arguments, &located);
  return words == nullptr ? nullptr : boolean_value(env, sync::condition_enter(*words, participant()));
}

// conditionWait(segment, body, lock's segment, lock's body, claimed, deadline): enters, frees the lock and blocks: −1
// if there are too many waits (the lock is still held), else 1 if it was notified, plus 2 if it has the lock again and,
// if it was notified, has consumed its signal.
napi_value condition_wait(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located condition, lock;
  uint32_t claimed = arguments.u32(4);
  double deadline = arguments.number(5);
  if (locate_condition(env, arguments, &condition) == nullptr) return nullptr;
  if (!locate(env, arguments, 2, sync::Target::Kind::lock, &lock)) return nullptr;
  condition.target.argument = claimed;
  int32_t outcome = 0;
  if (!lend_and_wait(env, condition.target, lock.target, deadline, &outcome)) return nullptr;
  return number_value(env, outcome);
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

// conditionNotify(segment, body, count): whether somebody is to be woken as soon as the lock is free.
napi_value condition_notify(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  uint32_t count = arguments.u32(2);
  sync::ConditionWords* words = locate_condition(env, arguments, &located);
  if (words == nullptr) return nullptr;
  sync::condition_notify(*words, count);
  return boolean_value(env, sync::condition_owes(*words));
}

// conditionWake(segment, body): wakes who has been notified.
napi_value condition_wake(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  sync::ConditionWords* words = locate_condition(env, arguments, &located);
  if (words == nullptr) return nullptr;
  sync::condition_wake(*words);
  return undefined_value(env);
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
  export_function(env, exports, "conditionWake", condition_wake);
}

}  // namespace multiproc::binding
