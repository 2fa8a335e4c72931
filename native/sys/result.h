// The result of a native call that may fail: an errno value with the name of the failed call.
#pragma once

namespace multiproc::sys {

// Zero-initialised means success. `call` is a string literal, which outlives every error made from it.
struct Failure {
  int code = 0;
  const char* call = "";

  explicit operator bool() const { return code != 0; }
};

}  // namespace multiproc::sys
