// How a mapping becomes ArrayBuffers: over any part of it, any number of them, each keeping the addresses reserved.
#pragma once

#include <napi.h>

#include <memory>

#include "sys/mapping.h"

namespace multiproc::binding {

// Makes an ArrayBuffer over `length` bytes at `offset` of the mapping; both must lie inside it, and `length` must not
// exceed `buffer.constants.MAX_LENGTH` (Node aborts above it: the TypeScript side checks). The mapping lives on until
// the ArrayBuffer object has been collected, detached or not, or the environment ends. Returns nullptr with an
// exception pending where the runtime forbids external memory.
napi_value external_buffer(napi_env env, const std::shared_ptr<sys::Mapping>& mapping, size_t offset, size_t length);

// A JavaScript value that stands for a mapping and holds a reference to it; `retireMapping` and `mapping_of` take it.
napi_value mapping_handle(napi_env env, const std::shared_ptr<sys::Mapping>& mapping);

// The mapping behind a handle; nullptr, with an exception pending, for anything else.
std::shared_ptr<sys::Mapping> mapping_of(napi_env env, napi_value handle);

void export_buffer(Napi::Env env, Napi::Object exports);

}  // namespace multiproc::binding
