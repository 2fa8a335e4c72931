// What the addon keeps for one JavaScript environment (the main thread or one Worker).
#include "binding/environment.h"

#include "binding/errors.h"
#include "binding/grants.h"

namespace multiproc::binding {

Environment::~Environment() = default;

Environment& Environment::of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

sync::Segment* Environment::segment(napi_env env, uint32_t id) {
  if (id < segments.size() && segments[id]) return segments[id].get();
  throw_type_error(env, "a segment that is open is expected");
  return nullptr;
}

void export_environment(Napi::Env env, Napi::Object exports) {
  (void)exports;
  napi_set_instance_data(
      env, new Environment, [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); }, nullptr);
}

}  // namespace multiproc::binding
