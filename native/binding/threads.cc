// Threads of this process for JavaScript: who they are, and when they have ended.
#include <string>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "sys/thread.h"

namespace multiproc::binding {

namespace {

// currentThread(): the kernel's id of the calling thread
napi_value current_thread(napi_env env, napi_callback_info) { return number_value(env, sys::current_thread()); }

// threadExists(thread)
napi_value thread_exists(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t thread = arguments.i32(0);
  return arguments.ok() ? boolean_value(env, sys::thread_exists(thread)) : nullptr;
}

// raiseAtThreadEnd(notice)
napi_value raise_at_thread_end(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t notice = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  if (sys::Failure failure = sys::raise_at_thread_end(notice)) {
    return throw_failure(env, failure, std::to_string(notice));
  }
  return undefined_value(env);
}

}  // namespace

void export_threads(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "currentThread", current_thread);
  export_function(env, exports, "threadExists", thread_exists);
  export_function(env, exports, "raiseAtThreadEnd", raise_at_thread_end);
}

}  // namespace multiproc::binding
