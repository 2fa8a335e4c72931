// Plain POSIX shared memory for JavaScript: open and unlink; the buffer and its end are those of any mapping.
#include "sys/posix_shm.h"

#include "binding/arguments.h"
#include "binding/buffer.h"
#include "binding/exports.h"

namespace multiproc::binding {

namespace {

// posixShmOpen(name, create, exclusive, mode, size, most): { mapping, buffer }
napi_value posix_shm_open(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  sys::PosixShmRequest request;
  request.name = arguments.string(0);
  request.create = arguments.boolean(1);
  request.exclusive = arguments.boolean(2);
  request.mode = arguments.u32(3);
  request.size = arguments.size(4);
  request.most = arguments.size(5);
  if (!arguments.ok()) return nullptr;
  std::shared_ptr<sys::Mapping> mapping;
  if (sys::Failure failure = sys::open_posix_shm(request, &mapping)) return throw_failure(env, failure, request.name);
  napi_value result = nullptr;
  napi_value buffer = external_buffer(env, mapping, 0, mapping->size());
  if (buffer == nullptr) return nullptr;
  napi_value handle = mapping_handle(env, mapping);
  if (handle == nullptr) return nullptr;
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "mapping", handle);
  napi_set_named_property(env, result, "buffer", buffer);
  return result;
}

// posixShmUnlink(name)
napi_value posix_shm_unlink(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::string name = arguments.string(0);
  if (!arguments.ok()) return nullptr;
  if (sys::Failure failure = sys::unlink_posix_shm(name)) return throw_failure(env, failure, name);
  return undefined_value(env);
}

}  // namespace

void export_posix_shm(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "posixShmOpen", posix_shm_open);
  export_function(env, exports, "posixShmUnlink", posix_shm_unlink);
}

}  // namespace multiproc::binding
