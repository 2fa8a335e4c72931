// How native failures become JavaScript exceptions: through the error class that the TypeScript side registered.
#pragma once

#include <napi.h>

#include <string>

#include "sys/result.h"

namespace multiproc::binding {

// Throws what `setErrorFactory`'s function makes of (errno name, errno, syscall, name), for example
// ('ENOENT', 2, 'open', 'jobs'). Returns undefined, so that a binding can `return throw_failure(…)`.
napi_value throw_failure(napi_env env, const sys::Failure& failure, const std::string& name);

// Throws a TypeError. For misuse that the TypeScript side should have caught: the message is for us, not for users.
napi_value throw_type_error(napi_env env, const char* message);

void export_errors(Napi::Env env, Napi::Object exports);

}  // namespace multiproc::binding
