// Participants as JavaScript sees them: this thread's id, and what is known about the others.
#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/exports.h"
#include "sync/registry.h"
#include "sync/wait.h"
#include "sys/futex.h"
#include "sys/shm_file.h"

namespace multiproc::binding {

namespace {

// attach(): this thread's participant id.
napi_value attach(napi_env env, napi_callback_info) {
  uint32_t owner = 0;
  sys::Failure failure = sync::attach(&owner);
  return failure ? throw_failure(env, failure, sys::file_path(sync::registry_name())) : number_value(env, owner);
}

// adopt(id): another copy of this package in the thread has attached it already.
napi_value adopt(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t owner = arguments.u32(0);
  if (!arguments.ok()) return nullptr;
  sys::Failure failure = sync::open_registry();
  if (failure) return throw_failure(env, failure, sys::file_path(sync::registry_name()));
  sync::adopt_participant(owner);
  return undefined_value(env);
}

// checkUser(): fails if the effective user is another one than at the first use.
napi_value check_user(napi_env env, napi_callback_info) {
  sys::Failure failure = sync::registry() == nullptr ? sys::Failure{} : sync::open_registry();
  return failure ? throw_failure(env, failure, sys::file_path(sync::registry_name())) : undefined_value(env);
}

// user(): the user whose objects this process uses: the effective one at the first use, or now while there was none.
napi_value user(napi_env env, napi_callback_info) { return number_value(env, sync::registry_user()); }

// forget(): in the child of a fork, which is nobody yet.
napi_value forget(napi_env env, napi_callback_info) {
  sync::forget_participant();
  return undefined_value(env);
}

// isDead(id)
napi_value is_dead(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uint32_t owner = arguments.u32(0);
  return arguments.ok() ? boolean_value(env, sync::is_dead(owner)) : nullptr;
}

// participant(id): { pid, startedMs, alive }
Napi::Value participant_facts(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  uint32_t owner = info[0].ToNumber().Uint32Value();
  const sync::Slot& slot = sync::registry()->slots[sync::slot_of(owner)];
  Napi::Object facts = Napi::Object::New(env);
  bool same = slot.generation.load() == sync::generation_of(owner);
  // A slot that was given out again says nothing about the one who had it before.
  facts.Set("pid", same ? Napi::Value(Napi::Number::New(env, slot.pid.load())) : env.Null());
  facts.Set("startedMs",
            same ? Napi::Value(Napi::Number::New(env, static_cast<double>(slot.started_ms.load()))) : env.Null());
  facts.Set("alive", Napi::Boolean::New(env, !sync::is_dead(owner)));
  return facts;
}

// Calls `visit(pid, key)` for each wait that a living thread is parked in.
template <typename Visit>
void each_wait(Visit visit) {
  for (uint32_t i = 0; i < sync::kSlots; i++) {
    const sync::Slot& slot = sync::registry()->slots[i];
    uint32_t generation = slot.generation.load();
    if (generation == 0 || sync::is_dead(sync::owner_id(i, generation))) continue;
    for (const auto& wait : slot.waits) {
      uint64_t key = wait.load();
      if (key != 0) visit(slot.pid.load(), key);
    }
  }
}

// waitersFor(segment, body): the pids of the threads that are parked on the object.
Napi::Value waiters_for(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array pids = Napi::Array::New(env);
  sync::Segment* segment = Environment::of(env).segment(env, info[0].ToNumber().Uint32Value());
  if (segment == nullptr) return pids;
  uint64_t wanted = sync::wait_key(segment->inode, static_cast<uint64_t>(info[1].ToNumber().Int64Value()));
  uint32_t found = 0;
  each_wait([&](uint32_t pid, uint64_t key) {
    if (key == wanted) pids.Set(found++, Napi::Number::New(env, pid));
  });
  return pids;
}

// waits(): [pid, inode, body] of each wait that living threads are parked in; the body is exact up to 256 MiB.
Napi::Value all_waits(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array waits = Napi::Array::New(env);
  uint32_t found = 0;
  each_wait([&](uint32_t pid, uint64_t key) {
    Napi::Array one = Napi::Array::New(env, 3);
    one.Set(0u, Napi::Number::New(env, pid));
    one.Set(1u, Napi::Number::New(env, static_cast<double>(sync::inode_of_key(key))));
    one.Set(2u, Napi::Number::New(env, static_cast<double>(sync::body_of_key(key))));
    waits.Set(found++, one);
  });
  return waits;
}

// registryState(): { name, participants, slots, futexWaitv }
Napi::Value registry_state(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object state = Napi::Object::New(env);
  uint32_t living = 0;
  for (uint32_t i = 0; i < sync::kSlots; i++) {
    uint32_t generation = sync::registry()->slots[i].generation.load();
    if (generation != 0 && !sync::is_dead(sync::owner_id(i, generation))) living++;
  }
  state.Set("name", Napi::String::New(env, sync::registry_name()));
  state.Set("participants", Napi::Number::New(env, living));
  state.Set("slots", Napi::Number::New(env, sync::kSlots));
  state.Set("futexWaitv", Napi::Boolean::New(env, sys::has_futex_waitv()));
  return state;
}

// setHeartbeat(function): called now and then by blocking waits, to learn whether the thread is being terminated.
Napi::Value set_heartbeat(const Napi::CallbackInfo& info) {
  if (info[0].IsFunction()) Environment::of(info.Env()).heartbeat = Napi::Persistent(info[0].As<Napi::Function>());
  return info.Env().Undefined();
}

}  // namespace

void export_participants(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "adopt", adopt);
  export_function(env, exports, "attach", attach);
  export_function(env, exports, "checkUser", check_user);
  export_function(env, exports, "forget", forget);
  export_function(env, exports, "isDead", is_dead);
  exports.Set("participant", Napi::Function::New(env, participant_facts, "participant"));
  exports.Set("registryState", Napi::Function::New(env, registry_state, "registryState"));
  exports.Set("setHeartbeat", Napi::Function::New(env, set_heartbeat, "setHeartbeat"));
  export_function(env, exports, "user", user);
  exports.Set("waits", Napi::Function::New(env, all_waits, "waits"));
  exports.Set("waitersFor", Napi::Function::New(env, waiters_for, "waitersFor"));
}

}  // namespace multiproc::binding
