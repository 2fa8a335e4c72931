// Descriptors that become ready, for JavaScript: one thread of ours sleeps for all of an environment's.
#include "binding/readiness.h"

#include <vector>

#include "binding/arguments.h"
#include "binding/call_back.h"
#include "binding/environment.h"
#include "binding/exports.h"

namespace multiproc::binding {

bool Readiness::create(napi_env env, napi_value settle) {
  std::shared_ptr<Readiness> readiness(new Readiness);
  napi_value name = nullptr;
  napi_create_string_utf8(env, "multiproc:readiness", NAPI_AUTO_LENGTH, &name);
  if (settle == nullptr ||
      napi_create_threadsafe_function(env, settle, nullptr, name, 0, 1, nullptr, nullptr, readiness.get(), settle_all,
                                      &readiness->notifier_) != napi_ok) {
    throw_type_error(env, "a function is expected");
    return false;
  }
  napi_unref_threadsafe_function(env, readiness->notifier_);
  readiness->watcher_ = std::make_unique<sys::FdWatcher>(notify, readiness.get());
  Environment::of(env).readiness = readiness;
  // Registered after the function's own hook, so it runs before it: the thread has ended when the function goes.
  napi_add_env_cleanup_hook(env, stop, readiness.get());
  return true;
}

void Readiness::keep_alive(napi_env env, bool wanted) {
  if (wanted) {
    napi_ref_threadsafe_function(env, notifier_);
  } else {
    napi_unref_threadsafe_function(env, notifier_);
  }
}

void Readiness::notify(void* context) {
  napi_call_threadsafe_function(static_cast<Readiness*>(context)->notifier_, nullptr, napi_tsfn_nonblocking);
}

void Readiness::settle_all(napi_env env, napi_value settle, void* context, void*) {
  auto* readiness = static_cast<Readiness*>(context);
  if (env == nullptr || !readiness->watcher_) return;
  std::vector<uint32_t> tickets;
  readiness->watcher_->drain(&tickets);
  for (uint32_t ticket : tickets) {
    napi_value argument = number_value(env, ticket);
    call_back(env, settle, 1, &argument);
  }
}

void Readiness::stop(void* context) {
  auto* readiness = static_cast<Readiness*>(context);
  readiness->watcher_.reset();
  napi_release_threadsafe_function(readiness->notifier_, napi_tsfn_abort);
}

namespace {

// readinessStart((ticket) => void): once, before the first wait
napi_value readiness_start(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  if (!Environment::of(env).readiness) Readiness::create(env, arguments.at(0));
  return nullptr;
}

// readinessArm(fd, events): a ticket
napi_value readiness_arm(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  uint32_t events = arguments.u32(1);
  if (!arguments.ok()) return nullptr;
  uint32_t ticket = 0;
  sys::Failure failure = Environment::of(env).readiness->watcher().arm(fd, events, nullptr, &ticket);
  return failure ? throw_failure(env, failure, "") : number_value(env, ticket);
}

// readinessDisarm(ticket)
napi_value readiness_disarm(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t ticket = arguments.u32(0);
  if (!arguments.ok()) return nullptr;
  Environment::of(env).readiness->watcher().disarm(ticket);
  return undefined_value(env);
}

// readinessReference(keep): whether pending waits keep the event loop alive
napi_value readiness_reference(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  bool keep = arguments.boolean(0);
  if (!arguments.ok()) return nullptr;
  Environment::of(env).readiness->keep_alive(env, keep);
  return undefined_value(env);
}

}  // namespace

void export_readiness(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "readinessArm", readiness_arm);
  export_function(env, exports, "readinessDisarm", readiness_disarm);
  export_function(env, exports, "readinessReference", readiness_reference);
  export_function(env, exports, "readinessStart", readiness_start);
}

}  // namespace multiproc::binding
