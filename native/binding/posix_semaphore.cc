// Named POSIX semaphores for JavaScript: the blocking calls, and waits that one thread of ours sleeps for.
#include "sys/posix_semaphore.h"

#include <cmath>
#include <memory>
#include <vector>

#include "binding/arguments.h"
#include "binding/call_back.h"
#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/target.h"
#include "sys/clock.h"
#include "sys/semaphore_waiter.h"

namespace multiproc::binding {

using SharedSemaphore = std::shared_ptr<sys::PosixSemaphore>;

// The waits of one environment, and how their outcomes reach its thread.
class SemaphoreWaits {
 public:
  // Outcomes go to `settle(ticket, won)`, one call each. False, with an exception pending, if that cannot be set up.
  static bool create(napi_env env, napi_value settle) {
    std::shared_ptr<SemaphoreWaits> waits(new SemaphoreWaits);
    napi_value name = nullptr;
    napi_create_string_utf8(env, "multiproc semaphore waits", NAPI_AUTO_LENGTH, &name);
    if (napi_create_threadsafe_function(env, settle, nullptr, name, 0, 1, nullptr, nullptr, waits.get(), settle_all,
                                        &waits->notifier_) != napi_ok) {
      throw_type_error(env, "a function is expected");
      return false;
    }
    napi_unref_threadsafe_function(env, waits->notifier_);
    waits->waiter_ = std::make_unique<sys::SemaphoreWaiter>(notify, waits.get());
    Environment::of(env).semaphore_waits = waits;
    // Registered after the function's own hook, so it runs before it: the thread has ended when the function goes.
    napi_add_env_cleanup_hook(env, stop, waits.get());
    return true;
  }

  sys::SemaphoreWaiter& waiter() { return *waiter_; }

  void keep_alive(napi_env env, bool wanted) {
    if (wanted) {
      napi_ref_threadsafe_function(env, notifier_);
    } else {
      napi_unref_threadsafe_function(env, notifier_);
    }
  }

 private:
  static void notify(void* context) {
    napi_call_threadsafe_function(static_cast<SemaphoreWaits*>(context)->notifier_, nullptr, napi_tsfn_nonblocking);
  }

  static void settle_all(napi_env env, napi_value settle, void* context, void*) {
    auto* waits = static_cast<SemaphoreWaits*>(context);
    if (env == nullptr || !waits->waiter_) return;
    std::vector<sys::SemaphoreOutcome> outcomes;
    waits->waiter_->drain(&outcomes);
    for (const sys::SemaphoreOutcome& outcome : outcomes) {
      napi_value arguments[] = {number_value(env, outcome.ticket), boolean_value(env, outcome.won)};
      call_back(env, settle, 2, arguments);
    }
  }

  static void stop(void* context) {
    auto* waits = static_cast<SemaphoreWaits*>(context);
    waits->waiter_.reset();
    napi_release_threadsafe_function(waits->notifier_, napi_tsfn_abort);
  }

  napi_threadsafe_function notifier_ = nullptr;
  std::unique_ptr<sys::SemaphoreWaiter> waiter_;
};

namespace {

SharedSemaphore* semaphore_at(napi_env env, const Arguments& arguments, size_t index) {
  void* semaphore = nullptr;
  if (arguments.at(index) == nullptr || napi_get_value_external(env, arguments.at(index), &semaphore) != napi_ok) {
    throw_type_error(env, "a semaphore is expected");
    return nullptr;
  }
  return static_cast<SharedSemaphore*>(semaphore);
}

// In slices, after each of which it asks whether this thread is to end: nothing else interrupts a thread that sleeps
// here.
bool wait_until(napi_env env, sys::PosixSemaphore& semaphore, int64_t until) {
  constexpr int64_t kSlice = 100 * sys::kMillisecond;
  for (;;) {
    int64_t now = sys::monotonic_ns();
    int64_t slice = until - now > kSlice ? now + kSlice : until;
    if (semaphore.wait_until(slice)) return true;
    if (slice == until || sys::monotonic_ns() < slice || !still_running(env)) return false;
  }
}

int64_t deadline_ns(double milliseconds) {
  double ns = std::ceil(milliseconds * 1e6);
  return ns < 9e18 ? static_cast<int64_t>(ns) : sys::kForever;
}

// posixSemaphoreOpen(name, create, exclusive, mode, value): a semaphore
napi_value posix_semaphore_open(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  sys::PosixSemaphoreRequest request;
  request.name = arguments.string(0);
  request.create = arguments.boolean(1);
  request.exclusive = arguments.boolean(2);
  request.mode = arguments.u32(3);
  request.value = arguments.u32(4);
  if (!arguments.ok()) return nullptr;
  auto semaphore = std::make_unique<SharedSemaphore>();
  if (sys::Failure failure = sys::PosixSemaphore::open(request, semaphore.get())) {
    return throw_failure(env, failure, request.name);
  }
  napi_value handle = nullptr;
  auto release = [](napi_env, void* reference, void*) { delete static_cast<SharedSemaphore*>(reference); };
  if (napi_create_external(env, semaphore.get(), release, nullptr, &handle) == napi_ok) semaphore.release();
  return handle;
}

// posixSemaphoreClose(semaphore): the handle is empty afterwards and must not be used again
napi_value posix_semaphore_close(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  SharedSemaphore* semaphore = semaphore_at(env, arguments, 0);
  if (semaphore == nullptr) return nullptr;
  semaphore->reset();
  return undefined_value(env);
}

// posixSemaphoreUnlink(name)
napi_value posix_semaphore_unlink(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::string name = arguments.string(0);
  if (!arguments.ok()) return nullptr;
  if (sys::Failure failure = sys::PosixSemaphore::unlink(name)) return throw_failure(env, failure, name);
  return undefined_value(env);
}

// posixSemaphoreTry(semaphore): whether a permit was taken
napi_value posix_semaphore_try(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  SharedSemaphore* semaphore = semaphore_at(env, arguments, 0);
  if (semaphore == nullptr) return nullptr;
  return boolean_value(env, (*semaphore)->try_wait());
}

// posixSemaphoreWaitSync(semaphore, deadline in ms): whether a permit was taken
napi_value posix_semaphore_wait_sync(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  SharedSemaphore* semaphore = semaphore_at(env, arguments, 0);
  if (semaphore == nullptr) return nullptr;
  double deadline = arguments.number(1);
  if (!arguments.ok()) return nullptr;
  return boolean_value(env, wait_until(env, **semaphore, deadline_ns(deadline)));
}

// posixSemaphorePost(semaphore)
napi_value posix_semaphore_post(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  SharedSemaphore* semaphore = semaphore_at(env, arguments, 0);
  if (semaphore == nullptr) return nullptr;
  if (sys::Failure failure = (*semaphore)->post()) return throw_failure(env, failure, "");
  return undefined_value(env);
}

// posixSemaphoreValue(semaphore)
napi_value posix_semaphore_value(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  SharedSemaphore* semaphore = semaphore_at(env, arguments, 0);
  if (semaphore == nullptr) return nullptr;
  return number_value(env, (*semaphore)->value());
}

// posixSemaphoreOnSettled((ticket, won) => void): once, before the first wait
napi_value posix_semaphore_on_settled(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  SemaphoreWaits::create(env, arguments.at(0));
  return nullptr;
}

// posixSemaphoreArm(semaphore, deadline in ms): a ticket
napi_value posix_semaphore_arm(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  SharedSemaphore* semaphore = semaphore_at(env, arguments, 0);
  if (semaphore == nullptr) return nullptr;
  double deadline = arguments.number(1);
  if (!arguments.ok()) return nullptr;
  uint32_t ticket = 0;
  sys::Failure failure = Environment::of(env).semaphore_waits->waiter().arm(*semaphore, deadline_ns(deadline), &ticket);
  if (failure) return throw_failure(env, failure, "");
  return number_value(env, ticket);
}

// posixSemaphoreDisarm(ticket): a permit that came meanwhile goes back
napi_value posix_semaphore_disarm(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t ticket = arguments.u32(0);
  if (!arguments.ok()) return nullptr;
  Environment::of(env).semaphore_waits->waiter().disarm(ticket);
  return undefined_value(env);
}

// posixSemaphoreKeepAlive(wanted): whether pending waits keep the event loop going
napi_value posix_semaphore_keep_alive(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  bool wanted = arguments.boolean(0);
  if (!arguments.ok()) return nullptr;
  Environment::of(env).semaphore_waits->keep_alive(env, wanted);
  return undefined_value(env);
}

}  // namespace

void export_posix_semaphore(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "posixSemaphoreOpen", posix_semaphore_open);
  export_function(env, exports, "posixSemaphoreClose", posix_semaphore_close);
  export_function(env, exports, "posixSemaphoreUnlink", posix_semaphore_unlink);
  export_function(env, exports, "posixSemaphoreTry", posix_semaphore_try);
  export_function(env, exports, "posixSemaphoreWaitSync", posix_semaphore_wait_sync);
  export_function(env, exports, "posixSemaphorePost", posix_semaphore_post);
  export_function(env, exports, "posixSemaphoreValue", posix_semaphore_value);
  export_function(env, exports, "posixSemaphoreOnSettled", posix_semaphore_on_settled);
  export_function(env, exports, "posixSemaphoreArm", posix_semaphore_arm);
  export_function(env, exports, "posixSemaphoreDisarm", posix_semaphore_disarm);
  export_function(env, exports, "posixSemaphoreKeepAlive", posix_semaphore_keep_alive);
}

}  // namespace multiproc::binding
