// The attributes that children of a process inherit, for JavaScript.
#include "sys/process_attributes.h"

#include "binding/arguments.h"
#include "binding/exports.h"
#include "sys/environment_block.h"

namespace multiproc::binding {

namespace {

// inheritedAttributes(): a text, one attribute per line
napi_value inherited_attributes(napi_env env, napi_callback_info) {
  std::string text = sys::inherited_attributes();
  napi_value result = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &result);
  return result;
}

// inheritedUmask(): -1 where the kernel does not report it
napi_value inherited_umask(napi_env env, napi_callback_info) { return number_value(env, sys::inherited_umask()); }

// canReplaceEnvironmentBlock()
napi_value can_replace_environment_block(napi_env env, napi_callback_info) {
  return boolean_value(env, sys::can_replace_environment_block());
}

// replaceEnvironmentBlock(block)
napi_value replace_environment_block(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::string block = arguments.string(0);
  if (!arguments.ok()) return nullptr;
  if (sys::Failure failure = sys::replace_environment_block(block)) return throw_failure(env, failure, "");
  return undefined_value(env);
}

}  // namespace

void export_process_attributes(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "inheritedAttributes", inherited_attributes);
  export_function(env, exports, "inheritedUmask", inherited_umask);
  export_function(env, exports, "canReplaceEnvironmentBlock", can_replace_environment_block);
  export_function(env, exports, "replaceEnvironmentBlock", replace_environment_block);
}

}  // namespace multiproc::binding
