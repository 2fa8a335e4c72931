// What the addon keeps for one JavaScript environment (the main thread or one Worker).
#include "binding/environment.h"

#include <stdlib.h>

#include <algorithm>
#include <mutex>

#include "binding/arguments.h"
#include "binding/errors.h"
#include "binding/grants.h"
#include "sys/descriptors.h"
#include "sys/left_children.h"

namespace multiproc::binding {

namespace {

// Of this process. Neither is ever destroyed: the end of a process comes after that of its static objects.
std::mutex& roll_mutex() {
  static auto* mutex = new std::mutex;
  return *mutex;
}

std::vector<Environment*>& roll() {
  static auto* environments = new std::vector<Environment*>;
  return *environments;
}

}  // namespace

Environment::Environment() {
  static bool at_exit = atexit(leave_nothing) == 0;
  (void)at_exit;
  std::lock_guard<std::mutex> guard(roll_mutex());
  roll().push_back(this);
}

Environment::~Environment() {
  {
    std::lock_guard<std::mutex> guard(roll_mutex());
    auto& all = roll();
    all.erase(std::remove(all.begin(), all.end(), this), all.end());
  }
  let_go();
  sys::close_descriptors(descriptors);
  for (pid_t child : children) sys::leave_child(child);
  sys::reap_left_children();
}

// Its anonymous segments may have been the last ones open.
void Environment::let_go() {
  for (auto& segment : segments) {
    if (!segment) continue;
    segment->close_descriptors();
    if (!sync::is_anonymous(segment->name) || segment->mapping->retire()) continue;
    sys::sweep_file(segment->name, sync::segment_needed);
  }
}

// The child of a fork may find the mutex taken by a thread that it does not have: then the next sweep has to do.
void leave_nothing() {
  if (!roll_mutex().try_lock()) return;
  for (Environment* environment : roll()) environment->let_go();
  roll_mutex().unlock();
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

sync::Segment* segment_range(napi_env env, napi_callback_info info, uint64_t* offset, uint64_t* length) {
  Arguments arguments(env, info);
  uint32_t id = arguments.u32(0);
  *offset = arguments.size(1);
  *length = arguments.size(2);
  sync::Segment* segment = arguments.ok() ? Environment::of(env).segment(env, id) : nullptr;
  if (segment == nullptr) return nullptr;
  if (*offset <= segment->size() && *length <= segment->size() - *offset) return segment;
  throw_type_error(env, "a range inside the segment is expected");
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
