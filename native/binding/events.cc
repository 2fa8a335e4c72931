// Events as JavaScript sees them: setting and blocking; looking and clearing need no call.
#include "binding/exports.h"
#include "binding/target.h"
#include "sync/event.h"

namespace multiproc::binding {

namespace {

// eventSet(segment, body): sets it and frees everybody who waits.
napi_value event_set(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  sync::Word* word = locate_word(env, arguments, 0);
  if (word == nullptr) return nullptr;
  sync::event_set(*word);
  return undefined_value(env);
}

// eventWait(segment, body, before, deadline): blocks; false when the deadline passed.
napi_value event_wait(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  uint32_t before = arguments.u32(2);
  double deadline = arguments.number(3);
  if (!locate(env, arguments, 0, sync::Target::Kind::event, &located)) return nullptr;
  located.target.argument = before;
  return boolean_value(env, block_until(env, located.target, deadline) != sync::kNotYet);
}

}  // namespace

void export_events(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "eventSet", event_set);
  export_function(env, exports, "eventWait", event_wait);
}

}  // namespace multiproc::binding
