// Raw shared memory as JavaScript sees it: a segment number like any other, without a header and blocks.
#include "sync/raw_memory.h"

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/exports.h"

namespace multiproc::binding {

namespace {

// memoryCreate(size, temporary name): the id of memory without a name.
napi_value memory_create(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint64_t size = arguments.size(0);
  std::string temporary = arguments.string(1);
  if (!arguments.ok()) return nullptr;
  auto memory = std::make_unique<sync::Segment>();
  sys::Failure failure = sync::create_raw(size, temporary, memory.get());
  if (failure) return throw_failure(env, failure, sys::file_path(""));
  return Environment::of(env).add_segment(env, std::move(memory));
}

// memoryOpen(name, most, size if empty): its id.
napi_value memory_open(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::string name = arguments.string(0);
  uint64_t most = arguments.size(1), size_if_empty = arguments.size(2);
  if (!arguments.ok()) return nullptr;
  auto memory = std::make_unique<sync::Segment>();
  sys::Failure failure = sync::open_raw(name, most, size_if_empty, memory.get());
  if (failure) return throw_failure(env, failure, sys::file_path(name));
  return Environment::of(env).add_segment(env, std::move(memory));
}

}  // namespace

void export_raw_memory(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "memoryCreate", memory_create);
  export_function(env, exports, "memoryOpen", memory_open);
}

}  // namespace multiproc::binding
