// What the addon keeps for one JavaScript environment (the main thread or one Worker).
#pragma once

#include <napi.h>

namespace multiproc::binding {

struct Environment {
  Napi::FunctionReference error_factory;

  static Environment& of(napi_env env);
};

void export_environment(Napi::Env env, Napi::Object exports);

}  // namespace multiproc::binding
