// The addon's entry point. It may run several times in one process, and in one thread.
#include <napi.h>

#include "binding/exports.h"

static Napi::Object init(Napi::Env env, Napi::Object exports) {
  multiproc::binding::export_all(env, exports);
  return exports;
}

NODE_API_MODULE(multiproc, init)
