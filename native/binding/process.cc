// Processes for JavaScript: fork with its repair, and what a child needs that Node does not give it.
#include "sys/process.h"

#include <unistd.h>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/helper_threads.h"
#include "binding/target.h"
#include "sys/entropy.h"
#include "sys/event_loop.h"
#include "sys/fork.h"
#include "sys/signals.h"

// Node-API hands out the loop as an opaque pointer, which is all that is needed here.
struct uv_loop_s;
extern "C" napi_status napi_get_uv_event_loop(napi_env env, struct uv_loop_s** loop);

namespace multiproc::binding {

namespace {

// forkProcess(): the child's pid, 0 in the child
napi_value fork_process(napi_env env, napi_callback_info) {
  uv_loop_s* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return throw_type_error(env, "an event loop is expected");
  pid_t pid = 0;
  if (sys::Failure failure = sys::fork_process(loop, &pid)) return throw_failure(env, failure, "");
  return number_value(env, pid);
}

// The natural end of a forked child, which Node must not come to by itself: before it says 'beforeExit' it waits for
// tasks that it gave to threads which do not exist there.
class NaturalEnd {
 public:
  NaturalEnd(napi_env env, uv_loop_s* loop, napi_value announce) : env_(env), loop_(loop) {
    napi_create_reference(env, announce, 1, &announce_);
    loop_.watch([](void* self) { static_cast<NaturalEnd*>(self)->turn(); }, this);
    // Of a Worker, whose loop Node closes. A forked process ends without that.
    napi_add_env_cleanup_hook(
        env, [](void* self) { static_cast<NaturalEnd*>(self)->loop_.unwatch(); }, this);
  }

 private:
  void turn() {
    if (!is_idle()) return;
    announce(false);
    if (is_idle()) announce(true);
  }

  // Whether nothing is left to do. What V8 has put off counts, and does not keep the loop going by itself.
  bool is_idle() {
    do {
      if (loop_.alive()) return false;
    } while (run_engine_tasks());
    return true;
  }

  void announce(bool final) {
    napi_handle_scope scope = nullptr;
    napi_open_handle_scope(env_, &scope);
    napi_value callback = nullptr;
    napi_get_reference_value(env_, announce_, &callback);
    napi_value arguments[] = {boolean_value(env_, final)};
    napi_value global = nullptr;
    napi_get_global(env_, &global);
    if (napi_make_callback(env_, nullptr, global, callback, 1, arguments, nullptr) == napi_pending_exception) {
      napi_value error = nullptr;
      napi_get_and_clear_last_exception(env_, &error);
      napi_fatal_exception(env_, error);
    }
    napi_close_handle_scope(env_, scope);
  }

  napi_env env_;
  sys::EventLoop loop_;
  napi_ref announce_ = nullptr;
};

// onNaturalEnd(announce): calls announce(false) when nothing is left to do, and announce(true) if that changed nothing
napi_value on_natural_end(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  uv_loop_s* loop = nullptr;
  if (arguments.count() < 1 || napi_get_uv_event_loop(env, &loop) != napi_ok) {
    return throw_type_error(env, "a function is expected");
  }
  new NaturalEnd(env, loop, arguments.at(0));  // for the rest of the thread's life
  return undefined_value(env);
}

// waitChild(pid, noHang): [pid, code, signal]; pid 0 when nobody has ended
napi_value wait_child(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t pid = arguments.i32(0);
  bool no_hang = arguments.boolean(1);
  if (!arguments.ok()) return nullptr;
  sys::ChildEnd end;
  if (sys::Failure failure = sys::wait_child(pid, no_hang, &end)) {
    return throw_failure(env, failure, std::to_string(pid));
  }
  napi_value result = nullptr;
  napi_create_array_with_length(env, 3, &result);
  napi_set_element(env, result, 0, number_value(env, end.pid));
  napi_set_element(env, result, 1, number_value(env, end.code));
  napi_set_element(env, result, 2, number_value(env, end.signal));
  return result;
}

// exitNow(code): never returns
napi_value exit_now(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t code = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  leave_nothing();
  sys::exit_now(code);
}

// currentPid(): asked from the kernel, unlike process.pid
napi_value current_pid(napi_env env, napi_callback_info) { return number_value(env, getpid()); }

// fillRandom(bytes)
napi_value fill_random(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  void* data = nullptr;
  size_t size = 0;
  if (arguments.count() < 1 ||
      napi_get_typedarray_info(env, arguments.at(0), nullptr, &size, &data, nullptr, nullptr) != napi_ok) {
    return throw_type_error(env, "bytes are expected");
  }
  if (sys::Failure failure = sys::fill_random(data, size)) return throw_failure(env, failure, "");
  return undefined_value(env);
}

// writeAll(fd, bytes): returns when everything is written
napi_value write_all(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  void* data = nullptr;
  size_t size = 0;
  if (!arguments.ok()) return nullptr;
  if (arguments.count() < 2 ||
      napi_get_typedarray_info(env, arguments.at(1), nullptr, &size, &data, nullptr, nullptr) != napi_ok) {
    return throw_type_error(env, "bytes are expected");
  }
  if (sys::Failure failure = sys::write_all(fd, data, size, {still_running, env}))
    return throw_failure(env, failure, "");
  return undefined_value(env);
}

// holdSignals()
napi_value hold_signals(napi_env env, napi_callback_info) {
  sys::hold_signals();
  return undefined_value(env);
}

// endBySignalsAlone()
napi_value end_by_signals_alone(napi_env env, napi_callback_info) {
  sys::end_by_signals_alone();
  return undefined_value(env);
}

// ignoreGroupSignals()
napi_value ignore_group_signals(napi_env env, napi_callback_info) {
  sys::ignore_group_signals();
  return undefined_value(env);
}

// restoreGroupSignals()
napi_value restore_group_signals(napi_env env, napi_callback_info) {
  sys::restore_group_signals();
  return undefined_value(env);
}

// leaveSignalsTo(pid of the parent)
napi_value leave_signals_to(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int parent = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  sys::leave_signals_to(parent);
  return undefined_value(env);
}

// takeSignalsBack()
napi_value take_signals_back(napi_env env, napi_callback_info) {
  sys::take_signals_back();
  return undefined_value(env);
}

// releaseSignals()
napi_value release_signals(napi_env env, napi_callback_info) {
  sys::release_signals();
  return undefined_value(env);
}

// takeStdio(stdin, stdout, stderr)
napi_value take_stdio(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int fds[] = {arguments.i32(0), arguments.i32(1), arguments.i32(2)};
  if (!arguments.ok()) return nullptr;
  if (sys::Failure failure = sys::take_stdio(fds)) return throw_failure(env, failure, "");
  return undefined_value(env);
}

}  // namespace

void export_process(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "forkProcess", fork_process);
  export_function(env, exports, "onNaturalEnd", on_natural_end);
  export_function(env, exports, "waitChild", wait_child);
  export_function(env, exports, "exitNow", exit_now);
  export_function(env, exports, "currentPid", current_pid);
  export_function(env, exports, "fillRandom", fill_random);
  export_function(env, exports, "writeAll", write_all);
  export_function(env, exports, "holdSignals", hold_signals);
  export_function(env, exports, "releaseSignals", release_signals);
  export_function(env, exports, "endBySignalsAlone", end_by_signals_alone);
  export_function(env, exports, "ignoreGroupSignals", ignore_group_signals);
  export_function(env, exports, "restoreGroupSignals", restore_group_signals);
  export_function(env, exports, "leaveSignalsTo", leave_signals_to);
  export_function(env, exports, "takeSignalsBack", take_signals_back);
  export_function(env, exports, "takeStdio", take_stdio);
}

}  // namespace multiproc::binding
