// Calls from the event loop into JavaScript.
#pragma once

#include <node_api.h>

#include "binding/arguments.h"

namespace multiproc::binding {

// What the function throws is an uncaught exception, as it would be in a call of its own: it does not keep the calls
// from being made that come after it in the same turn.
inline void call_back(napi_env env, napi_value function, size_t count, const napi_value* arguments) {
  if (napi_call_function(env, undefined_value(env), function, count, arguments, nullptr) != napi_pending_exception) {
    return;
  }
  napi_value error = nullptr;
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

}  // namespace multiproc::binding
