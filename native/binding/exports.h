// What each binding file adds to the addon's exports. The order is the order of initialisation.
#pragma once

#include <napi.h>

namespace multiproc::binding {

void export_barriers(Napi::Env env, Napi::Object exports);
void export_buffer(Napi::Env env, Napi::Object exports);
void export_channels(Napi::Env env, Napi::Object exports);
void export_children(Napi::Env env, Napi::Object exports);
void export_conditions(Napi::Env env, Napi::Object exports);
void export_descriptor_io(Napi::Env env, Napi::Object exports);
void export_descriptor_keeper(Napi::Env env, Napi::Object exports);
void export_environment(Napi::Env env, Napi::Object exports);
void export_errors(Napi::Env env, Napi::Object exports);
void export_events(Napi::Env env, Napi::Object exports);
void export_fresh_start(Napi::Env env, Napi::Object exports);
void export_grants(Napi::Env env, Napi::Object exports);
void export_helper_threads(Napi::Env env, Napi::Object exports);
void export_locks(Napi::Env env, Napi::Object exports);
void export_maps(Napi::Env env, Napi::Object exports);
void export_participants(Napi::Env env, Napi::Object exports);
void export_segments(Napi::Env env, Napi::Object exports);
void export_semaphores(Napi::Env env, Napi::Object exports);
void export_sockets(Napi::Env env, Napi::Object exports);
void export_pipes(Napi::Env env, Napi::Object exports);
void export_posix_semaphore(Napi::Env env, Napi::Object exports);
void export_posix_shm(Napi::Env env, Napi::Object exports);
void export_process(Napi::Env env, Napi::Object exports);
void export_process_attributes(Napi::Env env, Napi::Object exports);
void export_raw_memory(Napi::Env env, Napi::Object exports);
void export_threads(Napi::Env env, Napi::Object exports);
void export_wait_any(Napi::Env env, Napi::Object exports);
void export_readiness(Napi::Env env, Napi::Object exports);
void export_rings(Napi::Env env, Napi::Object exports);

inline void export_all(Napi::Env env, Napi::Object exports) {
  export_environment(env, exports);
  export_errors(env, exports);
  export_barriers(env, exports);
  export_buffer(env, exports);
  export_channels(env, exports);
  export_children(env, exports);
  export_conditions(env, exports);
  export_descriptor_io(env, exports);
  export_descriptor_keeper(env, exports);
  export_events(env, exports);
  export_fresh_start(env, exports);
  export_grants(env, exports);
  export_helper_threads(env, exports);
  export_locks(env, exports);
  export_maps(env, exports);
  export_participants(env, exports);
  export_segments(env, exports);
  export_semaphores(env, exports);
  export_sockets(env, exports);
  export_pipes(env, exports);
  export_posix_semaphore(env, exports);
  export_posix_shm(env, exports);
  export_process(env, exports);
  export_process_attributes(env, exports);
  export_raw_memory(env, exports);
  export_readiness(env, exports);
  export_threads(env, exports);
  export_wait_any(env, exports);
  export_rings(env, exports);
}

}  // namespace multiproc::binding
