// How what a waiter thread won reaches the JavaScript thread that waits for it: through one thread-safe function.
#include "binding/grants.h"

#include <vector>

#include "binding/arguments.h"
#include "binding/call_back.h"
#include "binding/environment.h"
#include "binding/target.h"

namespace multiproc::binding {

Grants::Grants(napi_env env, napi_value deliver_function) : env_(env) {
  napi_value name = nullptr;
  napi_create_string_utf8(env, "multiproc:grants", NAPI_AUTO_LENGTH, &name);
  // Its queue is not bounded: after a fork, what the child finds in it is never called for, and a full one would take
  // nothing more.
  napi_create_threadsafe_function(env, deliver_function, nullptr, name, 0, 1, nullptr, nullptr, this, deliver,
                                  &notifier_);
  napi_unref_threadsafe_function(env, notifier_);
  napi_add_env_cleanup_hook(env, close, this);
  start();
}

Grants::~Grants() = default;

void Grants::start() { waiter_ = std::make_unique<sync::Waiter>(participant(), notify, this); }

void Grants::notify(void* context) {
  Grants* grants = static_cast<Grants*>(context);
  // One call is enough, as it takes all that there is when it runs.
  if (grants->called_.exchange(true)) return;
  napi_call_threadsafe_function(grants->notifier_, nullptr, napi_tsfn_nonblocking);
}

void Grants::close(void* context) {
  Grants* grants = static_cast<Grants*>(context);
  grants->waiter_.reset();
  napi_release_threadsafe_function(grants->notifier_, napi_tsfn_abort);
  Environment::of(grants->env_).grants = nullptr;
  delete grants;
}

void Grants::deliver(napi_env env, napi_value function, void* context, void*) {
  if (env == nullptr || function == nullptr) return;
  Grants* self = static_cast<Grants*>(context);
  self->called_ = false;
  std::vector<sync::Grant> grants;
  self->waiter_->drain(&grants);
  if (grants.empty()) return;
  Napi::HandleScope scope(env);
  napi_value list = nullptr;
  napi_create_array_with_length(env, grants.size() * 2, &list);
  for (uint32_t i = 0; i < grants.size(); i++) {
    napi_set_element(env, list, 2 * i, number_value(env, grants[i].ticket));
    napi_set_element(env, list, 2 * i + 1, number_value(env, grants[i].won));
  }
  call_back(env, function, 1, &list);
}

void Grants::reference(napi_env env, bool keep) {
  if (keep) {
    napi_ref_threadsafe_function(env, notifier_);
  } else {
    napi_unref_threadsafe_function(env, notifier_);
  }
}

void Grants::renew() {
  called_ = false;
  waiter_.reset();
  start();
}

namespace {

// waitStart(deliver): makes the channel for this environment's pending waits.
napi_value wait_start(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  napi_valuetype type = napi_undefined;
  if (arguments.count() < 1 || napi_typeof(env, arguments.at(0), &type) != napi_ok || type != napi_function) {
    return throw_type_error(env, "a function is expected");
  }
  Environment& environment = Environment::of(env);
  if (environment.grants == nullptr) environment.grants = new Grants(env, arguments.at(0));
  return undefined_value(env);
}

// waitArm(kind, segment, body, limit, argument): starts to wait; the ticket.
napi_value wait_arm(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t kind = arguments.u32(0), argument = arguments.u32(4);
  Located located;
  bool ring = kind >= static_cast<uint32_t>(sync::Target::Kind::ring_items) &&
              kind <= static_cast<uint32_t>(sync::Target::Kind::ring_done);
  if (!ring && (kind < static_cast<uint32_t>(sync::Target::Kind::lock) ||
                kind > static_cast<uint32_t>(sync::Target::Kind::computation))) {
    return throw_type_error(env, "a kind of target is expected");
  }
  if (!locate(env, arguments, 1, static_cast<sync::Target::Kind>(kind), &located)) return nullptr;
  located.target.argument = argument;
  uint32_t ticket = 0;
  sys::Failure failure = Environment::of(env).grants->waiter().arm(located.target, located.memory, &ticket);
  return failure ? throw_failure(env, failure, "") : number_value(env, ticket);
}

// waitDisarm(ticket): −1, or what had been won: it now belongs to the caller.
napi_value wait_disarm(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t ticket = arguments.u32(0);
  if (!arguments.ok()) return nullptr;
  return number_value(env, Environment::of(env).grants->waiter().disarm(ticket));
}

// waitWon(ticket): −1, or what has been won and is on its way to `deliver`.
napi_value wait_won(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t ticket = arguments.u32(0);
  if (!arguments.ok()) return nullptr;
  return number_value(env, Environment::of(env).grants->waiter().won(ticket));
}

// waitReference(keep): whether pending waits keep the event loop alive.
napi_value wait_reference(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  bool keep = arguments.boolean(0);
  if (!arguments.ok()) return nullptr;
  Environment::of(env).grants->reference(env, keep);
  return undefined_value(env);
}

// waitRenew(): in the child of a fork.
napi_value wait_renew(napi_env env, napi_callback_info) {
  if (Environment::of(env).grants != nullptr) Environment::of(env).grants->renew();
  return undefined_value(env);
}

}  // namespace

void export_grants(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "waitArm", wait_arm);
  export_function(env, exports, "waitDisarm", wait_disarm);
  export_function(env, exports, "waitReference", wait_reference);
  export_function(env, exports, "waitRenew", wait_renew);
  export_function(env, exports, "waitStart", wait_start);
  export_function(env, exports, "waitWon", wait_won);
}

}  // namespace multiproc::binding
