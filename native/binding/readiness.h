// Descriptors that become ready, for JavaScript: one thread of ours sleeps for all of an environment's.
#pragma once

#include <napi.h>

#include <memory>

#include "sys/fd_watcher.h"

namespace multiproc::binding {

// The waits of one environment, and how their ends reach its thread, which they outlive by nothing.
class Readiness {
 public:
  // Ends go to `settle(ticket)`, one call each. False, with an exception pending, if that cannot be set up.
  static bool create(napi_env env, napi_value settle);

  sys::FdWatcher& watcher() { return *watcher_; }

  // Whether pending waits keep the event loop alive.
  void keep_alive(napi_env env, bool wanted);

 private:
  static void notify(void* context);
  static void settle_all(napi_env env, napi_value settle, void* context, void* data);
  static void stop(void* context);

  napi_threadsafe_function notifier_ = nullptr;
  std::unique_ptr<sys::FdWatcher> watcher_;
};

}  // namespace multiproc::binding
