// A forked child's way from the middle of its parent's program to an empty stack in a loop of its own.
#include <dlfcn.h>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "sys/event_loop.h"
#include "sys/inherited_loop.h"

struct uv_loop_s;
extern "C" napi_status napi_get_uv_event_loop(napi_env env, struct uv_loop_s** loop);

namespace multiproc::binding {

namespace {

// Node-API cannot unwind JavaScript, V8 can, by calls that are there since long before Node 20: static
// v8::Isolate::GetCurrent(), TerminateExecution(), CancelTerminateExecution() and AddMicrotasksCompletedCallback().
struct Engine {
  void* (*current)() = reinterpret_cast<void* (*)()>(dlsym(RTLD_DEFAULT, "_ZN2v87Isolate10GetCurrentEv"));
  void (*terminate)(void*) = reinterpret_cast<void (*)(void*)>(dlsym(RTLD_DEFAULT,
                                                                     "_ZN2v87Isolate18TerminateExecutionEv"));
  void (*resume)(void*) = reinterpret_cast<void (*)(void*)>(dlsym(RTLD_DEFAULT,
                                                                  "_ZN2v87Isolate24CancelTerminateExecutionEv"));

  void (*on_microtasks_done)(void*, void (*)(void*, void*), void*) =
      reinterpret_cast<void (*)(void*, void (*)(void*, void*), void*)>(
          dlsym(RTLD_DEFAULT, "_ZN2v87Isolate30AddMicrotasksCompletedCallbackEPFvPS0_PvES2_"));

  bool complete() const { return current && terminate && resume && on_microtasks_done; }
};

const Engine& engine() {
  static const Engine engine;
  return engine;
}

uv_loop_s* loop_of(napi_env env) {
  uv_loop_s* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  return loop;
}

// freshStartLacks(): undefined, or what is missing
napi_value fresh_start_lacks(napi_env env, napi_callback_info) {
  const char* lacks = nullptr;
  if (!engine().complete()) lacks = "v8::Isolate::TerminateExecution";
  sys::Failure failure = sys::EventLoop::available();
  if (!failure) failure = sys::InheritedLoop(loop_of(env)).available();
  if (failure) lacks = failure.call;
  if (lacks == nullptr) return undefined_value(env);
  napi_value text = nullptr;
  napi_create_string_utf8(env, lacks, NAPI_AUTO_LENGTH, &text);
  return text;
}

// disconnectHandles(keep): descriptors in an Int32Array
napi_value disconnect_handles(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  napi_typedarray_type type = napi_uint8_array;
  void* keep = nullptr;
  size_t count = 0;
  if (arguments.count() < 1 ||
      napi_get_typedarray_info(env, arguments.at(0), &type, &count, &keep, nullptr, nullptr) != napi_ok ||
      type != napi_int32_array) {
    return throw_type_error(env, "an Int32Array is expected");
  }
  sys::InheritedLoop loop(loop_of(env));
  if (sys::Failure failure = loop.disconnect(static_cast<const int*>(keep), count)) {
    return throw_failure(env, failure, "");
  }
  return undefined_value(env);
}

napi_value reveal_handles(napi_env env, napi_callback_info) {
  sys::InheritedLoop(loop_of(env)).reveal();
  return undefined_value(env);
}

napi_value stop_timers(napi_env env, napi_callback_info) {
  sys::InheritedLoop(loop_of(env)).stop_timers();
  return undefined_value(env);
}

napi_value drop_pool_work(napi_env env, napi_callback_info) {
  sys::InheritedLoop(loop_of(env)).drop_work();
  return undefined_value(env);
}

napi_value release_loop(napi_env env, napi_callback_info) {
  sys::InheritedLoop(loop_of(env)).release();
  return undefined_value(env);
}

bool unwinding = false;

// After a microtask was unwound, V8 takes the end that was asked for as still to come until it is told otherwise: what
// Node calls meanwhile fails, and it repeats some calls until they succeed (timers), and aborts when others fail
// (promises of fs). Below the microtasks is nothing, or Node's own loop over ticks and microtasks, which finds nothing
// to do.
void watch_microtasks() {
  engine().on_microtasks_done(
      engine().current(),
      [](void* isolate, void*) {
        if (unwinding) engine().resume(isolate);
      },
      nullptr);
}

napi_value unwind(napi_env env, napi_callback_info) {
  static bool watched = false;
  if (!watched) watch_microtasks();
  watched = true;
  unwinding = true;
  engine().terminate(engine().current());
  return undefined_value(env);
}

// There is a second one in the child of a child.
class Arrival;
Arrival* newest = nullptr;

class Arrival {
 public:
  Arrival(napi_env env, napi_value arrive) : env_(env) {
    newest = this;
    napi_create_reference(env, arrive, 1, &arrive_);
    sys::EventLoop(loop_of(env)).spin([](void* self) { return static_cast<Arrival*>(self)->turn(); }, this);
  }

 private:
  bool turn() {
    napi_handle_scope scope = nullptr;
    napi_open_handle_scope(env_, &scope);
    napi_value arrive = nullptr, global = nullptr, result = nullptr;
    napi_get_reference_value(env_, arrive_, &arrive);
    napi_get_global(env_, &global);
    bool arrived = false;
    if (napi_make_callback(env_, nullptr, global, arrive, 0, nullptr, &result) == napi_ok) {
      napi_get_value_bool(env_, result, &arrived);
      if (arrived && newest == this) unwinding = false;
    } else {
      napi_value unwound = nullptr;
      napi_get_and_clear_last_exception(env_, &unwound);
    }
    napi_close_handle_scope(env_, scope);
    return arrived;
  }

  napi_env env_;
  napi_ref arrive_ = nullptr;
};

napi_value on_fresh_stack(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  if (arguments.count() < 1) return throw_type_error(env, "a function is expected");
  new Arrival(env, arguments.at(0));  // for the rest of the process's life
  return undefined_value(env);
}

}  // namespace

void export_fresh_start(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "freshStartLacks", fresh_start_lacks);
  export_function(env, exports, "disconnectHandles", disconnect_handles);
  export_function(env, exports, "revealHandles", reveal_handles);
  export_function(env, exports, "stopTimers", stop_timers);
  export_function(env, exports, "dropPoolWork", drop_pool_work);
  export_function(env, exports, "releaseLoop", release_loop);
  export_function(env, exports, "unwind", unwind);
  export_function(env, exports, "onFreshStack", on_fresh_stack);
}

}  // namespace multiproc::binding
