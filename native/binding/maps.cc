// Maps as JavaScript sees them: what of them needs the kernel. Waiting for a computation goes by the bindings of all
// waits.
#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/target.h"
#include "sync/map.h"

namespace multiproc::binding {

namespace {

// mapRaise(segment, offset of the slot): a computation has ended.
napi_value map_raise(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Located located;
  if (!locate(env, arguments, 0, sync::Target::Kind::computation, &located)) return nullptr;
  sync::map_raise(*located.target.map_slot());
  return undefined_value(env);
}

}  // namespace

void export_maps(Napi::Env env, Napi::Object exports) { export_function(env, exports, "mapRaise", map_raise); }

}  // namespace multiproc::binding
