// What the addon keeps for one JavaScript environment (the main thread or one Worker).
#include "binding/environment.h"

namespace multiproc::binding {

Environment& Environment::of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

void export_environment(Napi::Env env, Napi::Object exports) {
  (void)exports;
  napi_set_instance_data(
      env, new Environment, [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); }, nullptr);
}

}  // namespace multiproc::binding
