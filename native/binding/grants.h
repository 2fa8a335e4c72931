// How what a waiter thread won reaches the JavaScript thread that waits for it: through one thread-safe function.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>

#include "sync/waiter.h"

namespace multiproc::binding {

// One for each environment that ever waited. Its threads are joined before the environment ends, by a cleanup hook.
class Grants {
 public:
  // `deliver(tickets and results, alternating)` is called on the JavaScript thread.
  Grants(napi_env env, napi_value deliver);

  sync::Waiter& waiter() { return *waiter_; }

  // Whether pending waits keep the event loop alive.
  void reference(napi_env env, bool keep);

  // In the child of a fork: the old waiter's threads are not there.
  void renew();

 private:
  ~Grants();

  static void close(void* grants);
  static void notify(void* grants);
  static void deliver(napi_env env, napi_value function, void* context, void* data);
  void start();

  napi_env env_;
  napi_threadsafe_function notifier_ = nullptr;
  std::atomic<bool> called_{false};
  std::unique_ptr<sync::Waiter> waiter_;
};

void export_grants(Napi::Env env, Napi::Object exports);

}  // namespace multiproc::binding
