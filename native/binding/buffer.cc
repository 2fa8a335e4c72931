// How a mapping becomes ArrayBuffers: over any part of it, any number of them, each keeping the addresses reserved.
#include "binding/buffer.h"

#include "binding/arguments.h"
#include "binding/errors.h"
#include "sys/freed_memory.h"

namespace multiproc::binding {

namespace {

using SharedMapping = std::shared_ptr<sys::Mapping>;

void release_reference(napi_env, void*, void* reference) { delete static_cast<SharedMapping*>(reference); }

// detachBuffer(buffer): every view of it has length 0 from now on.
napi_value detach_buffer(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  if (arguments.count() < 1 || napi_detach_arraybuffer(env, arguments.at(0)) != napi_ok) {
    return throw_type_error(env, "a detachable ArrayBuffer is expected");
  }
  return undefined_value(env);
}

// retireMapping(handle): the shared memory is let go, the addresses stay reserved. Detach the buffers first.
napi_value retire_mapping(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  SharedMapping mapping = mapping_of(env, arguments.at(0));
  if (!mapping) return nullptr;
  if (sys::Failure failure = mapping->retire()) return throw_failure(env, failure, "");
  return undefined_value(env);
}

// keepFreedMemory(): large blocks are going to come and go.
napi_value keep_freed_memory(napi_env env, napi_callback_info) {
  sys::keep_freed_memory();
  return undefined_value(env);
}

}  // namespace

// Two references, because two things keep the pointer in use, and neither outlives the other in general:
// - the ArrayBuffer object. An asynchronous zlib or fs call holds the object while its thread reads the memory, and
//   `detachBuffer` frees the backing store under it.
// - the backing store. `ArrayBuffer.prototype.transfer` moves it to a new object, and the old one is collected.
napi_value external_buffer(napi_env env, const SharedMapping& mapping, size_t offset, size_t length) {
  napi_value buffer = nullptr;
  auto* of_store = new SharedMapping(mapping);
  if (napi_create_external_arraybuffer(env, mapping->data() + offset, length, release_reference, of_store, &buffer) !=
      napi_ok) {
    delete of_store;
    napi_throw_error(env, "ERR_MULTIPROC", "This runtime does not allow memory of its own outside the heap");
    return nullptr;
  }
  auto* of_object = new SharedMapping(mapping);
  if (napi_add_finalizer(env, buffer, of_object, release_reference, of_object, nullptr) != napi_ok) {
    delete of_object;
    napi_throw_error(env, "ERR_MULTIPROC", "The buffer cannot be watched");
    return nullptr;
  }
  return buffer;
}

napi_value mapping_handle(napi_env env, const SharedMapping& mapping) {
  napi_value handle = nullptr;
  auto* reference = new SharedMapping(mapping);
  if (napi_create_external(env, reference, release_reference, reference, &handle) != napi_ok) {
    delete reference;
    napi_throw_error(env, "ERR_MULTIPROC", "The mapping cannot be represented");
    return nullptr;
  }
  return handle;
}

SharedMapping mapping_of(napi_env env, napi_value handle) {
  void* reference = nullptr;
  if (handle == nullptr || napi_get_value_external(env, handle, &reference) != napi_ok) {
    throw_type_error(env, "a mapping is expected");
    return nullptr;
  }
  return *static_cast<SharedMapping*>(reference);
}

void export_buffer(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "detachBuffer", detach_buffer);
  export_function(env, exports, "keepFreedMemory", keep_freed_memory);
  export_function(env, exports, "retireMapping", retire_mapping);
}

}  // namespace multiproc::binding
