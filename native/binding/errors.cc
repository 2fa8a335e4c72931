// How native failures become JavaScript exceptions: through the error class that the TypeScript side registered.
#include "binding/errors.h"

#include <cerrno>
#include <cstring>

#include "binding/environment.h"

namespace multiproc::binding {

namespace {

// strerrorname_np needs glibc 2.32 and does not exist in musl, so the names this package can meet are listed.
const char* errno_name(int code) {
  switch (code) {
#define NAME(constant) \
  case constant:       \
    return #constant;
    NAME(E2BIG)
    NAME(EACCES)
    NAME(EAGAIN)
    NAME(EBADF)
    NAME(EBUSY)
    NAME(ECHILD)
    NAME(EDEADLK)
    NAME(EEXIST)
    NAME(EFAULT)
    NAME(EFBIG)
    NAME(EINTR)
    NAME(EINVAL)
    NAME(EIO)
    NAME(EISDIR)
    NAME(ELOOP)
    NAME(EMFILE)
    NAME(EMLINK)
    NAME(ENAMETOOLONG)
    NAME(ENFILE)
    NAME(ENODATA)
    NAME(ENODEV)
    NAME(ENXIO)
    NAME(ENOENT)
    NAME(ENOEXEC)
    NAME(ENOMEM)
    NAME(ENOSPC)
    NAME(ENOSYS)
    NAME(ENOTSUP)
    NAME(EOVERFLOW)
    NAME(EPERM)
    NAME(EROFS)
    NAME(ESRCH)
    NAME(ETIMEDOUT)
    NAME(ETXTBSY)
    NAME(EPIPE)
    NAME(ENOTCONN)
    NAME(ECONNRESET)
    NAME(ECONNREFUSED)
    NAME(ECONNABORTED)
    NAME(EADDRINUSE)
    NAME(EADDRNOTAVAIL)
    NAME(EAFNOSUPPORT)
    NAME(EHOSTUNREACH)
    NAME(ENETUNREACH)
    NAME(ENETDOWN)
    NAME(ENOBUFS)
    NAME(ENOTDIR)
    NAME(ENOTSOCK)
    NAME(EPROTOTYPE)
    NAME(EDQUOT)
    NAME(EPROTO)
    NAME(ESTALE)
    NAME(EUSERS)
#undef NAME
    default:
      return "EUNKNOWN";
  }
}

Napi::Value set_error_factory(const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) {
    throw_type_error(info.Env(), "setErrorFactory expects a function");
    return info.Env().Undefined();
  }
  Environment::of(info.Env()).error_factory = Napi::Persistent(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

}  // namespace

napi_value throw_failure(napi_env env, const sys::Failure& failure, const std::string& name) {
  Napi::HandleScope scope(env);
  Environment& environment = Environment::of(env);
  const char* code = errno_name(failure.code);
  if (environment.error_factory.IsEmpty()) {
    napi_throw_error(env, code, failure.call);
    return nullptr;
  }
  Napi::Value error = environment.error_factory.Call(
      {Napi::String::New(env, code), Napi::Number::New(env, failure.code), Napi::String::New(env, failure.call),
       Napi::String::New(env, name), Napi::String::New(env, std::strerror(failure.code))});
  if (!error.IsEmpty()) napi_throw(env, error);
  return nullptr;
}

napi_value throw_type_error(napi_env env, const char* message) {
  napi_throw_type_error(env, nullptr, message);
  return nullptr;
}

void export_errors(Napi::Env env, Napi::Object exports) {
  exports.Set("setErrorFactory", Napi::Function::New(env, set_error_factory, "setErrorFactory"));
}

}  // namespace multiproc::binding
