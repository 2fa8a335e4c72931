// What the addon keeps for one JavaScript environment (the main thread or one Worker).
#include "binding/environment.h"

#include "binding/arguments.h"
#include "binding/errors.h"
#include "binding/grants.h"

namespace multiproc::binding {

// A Worker that ends has let go of everything. Its anonymous segments may have been the last ones open.
Environment::~Environment() {
  for (auto& segment : segments) {
    if (!segment) continue;
    sys::close_file(&segment->file);
    if (!sync::is_anonymous(segment->name) || segment->mapping->retire()) continue;
    sys::sweep_file(segment->name, sync::segment_needed);
  }
}

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

napi_value Environment::add_segment(napi_env env, std::unique_ptr<sync::Segment> segment) {
  size_t id = 0;
  while (id < segments.size() && segments[id]) id++;
  if (id == segments.size()) segments.emplace_back();
  segments[id] = std::move(segment);
  return number_value(env, static_cast<double>(id));
}

void export_environment(Napi::Env env, Napi::Object exports) {
  (void)exports;
  napi_set_instance_data(
      env, new Environment, [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); }, nullptr);
}

}  // namespace multiproc::binding
