// How the floors below JavaScript report failure: an errno value with the name of the call that failed.
#pragma once

namespace multiproc::sys {

// Zero-initialised means success. `call` is a string literal: it outlives every error made from it.
struct Failure {
  int code = 0;
  const char* call = "";

  explicit operator bool() const { return code != 0; }
};

}  // namespace multiproc::sys
