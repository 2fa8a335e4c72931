// Child processes for JavaScript: how they are made, seen, signalled, and tied to the life of their creator.
#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/exports.h"
#include "sys/child.h"
#include "sys/clock.h"
#include "sys/descriptors.h"
#include "sys/grace.h"
#include "sys/left_children.h"
#include "sys/life_tie.h"
#include "sys/process.h"
#include "sys/process_end.h"
#include "sys/process_file.h"

namespace multiproc::binding {

namespace {

bool read_strings(napi_env env, napi_value array, std::vector<std::string>* strings) {
  uint32_t count = 0;
  if (array == nullptr || napi_get_array_length(env, array, &count) != napi_ok) return false;
  for (uint32_t i = 0; i < count; i++) {
    napi_value element = nullptr;
    size_t length = 0;
    napi_get_element(env, array, i, &element);
    if (napi_get_value_string_utf8(env, element, nullptr, 0, &length) != napi_ok) return false;
    std::string string(length, '\0');
    napi_get_value_string_utf8(env, element, &string[0], length + 1, &length);
    strings->push_back(std::move(string));
  }
  return true;
}

bool read_integers(napi_env env, napi_value array, std::vector<int>* integers) {
  uint32_t count = 0;
  if (array == nullptr || napi_get_array_length(env, array, &count) != napi_ok) return false;
  for (uint32_t i = 0; i < count; i++) {
    napi_value element = nullptr;
    int32_t integer = 0;
    napi_get_element(env, array, i, &element);
    if (napi_get_value_int32(env, element, &integer) != napi_ok) return false;
    integers->push_back(integer);
  }
  return true;
}

// A call that makes a descriptor: its number.
napi_value descriptor_value(napi_env env, const sys::Failure& failure, int fd, const std::string& name) {
  return failure ? throw_failure(env, failure, name) : number_value(env, fd);
}

// spawnProcess(file, arguments, environment, directory, descriptors): the pid
napi_value spawn_process(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  sys::SpawnRequest request;
  request.file = arguments.string(0);
  request.directory = arguments.string(3);
  if (!arguments.ok()) return nullptr;
  if (!read_strings(env, arguments.at(1), &request.arguments) ||
      !read_strings(env, arguments.at(2), &request.environment) ||
      !read_integers(env, arguments.at(4), &request.descriptors)) {
    return throw_type_error(env, "arrays of strings and of numbers are expected");
  }
  pid_t pid = 0;
  sys::reap_left_children();
  if (sys::Failure failure = sys::spawn_process(request, &pid)) {
    return throw_failure(env, failure, failure.call == std::string("chdir") ? request.directory : request.file);
  }
  return number_value(env, pid);
}

// childOwn(pid)
napi_value child_own(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  pid_t pid = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  Environment::of(env).children.push_back(pid);
  return undefined_value(env);
}

// childLetGo(pid)
napi_value child_let_go(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  pid_t pid = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  auto& owned = Environment::of(env).children;
  owned.erase(std::remove(owned.begin(), owned.end(), pid), owned.end());
  return undefined_value(env);
}

// execProcess(file, arguments, descriptors): only ever throws
napi_value exec_process(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::string file = arguments.string(0);
  if (!arguments.ok()) return nullptr;
  std::vector<std::string> strings;
  std::vector<int> fds;
  if (!read_strings(env, arguments.at(1), &strings) || !read_integers(env, arguments.at(2), &fds)) {
    return throw_type_error(env, "arrays of strings and of numbers are expected");
  }
  std::vector<char*> pointers;
  for (std::string& text : strings) pointers.push_back(&text[0]);
  pointers.push_back(nullptr);
  return throw_failure(env, sys::become_program(file.c_str(), pointers.data(), fds), file);
}

// memoryFile(name): a descriptor
napi_value memory_file(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::string name = arguments.string(0);
  if (!arguments.ok()) return nullptr;
  int fd = -1;
  sys::Failure failure = sys::memory_file(name.c_str(), &fd);
  return descriptor_value(env, failure, fd, name);
}

// noticeFile(): a descriptor
napi_value notice_file(napi_env env, napi_callback_info) {
  int fd = -1;
  sys::Failure failure = sys::notice_file(&fd);
  return descriptor_value(env, failure, fd, "");
}

// processFile(pid): a descriptor
napi_value process_file(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t pid = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  int fd = -1;
  sys::Failure failure = sys::process_file(pid, &fd);
  return descriptor_value(env, failure, fd, std::to_string(pid));
}

// processEnd(process): its exit code, or -signal; undefined if nobody tells
napi_value process_end(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t process = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  sys::ChildEnd end;
  if (!sys::process_end(process, &end)) return undefined_value(env);
  return number_value(env, end.signal == 0 ? end.code : -end.signal);
}

// hasPidfds()
napi_value has_pidfds(napi_env env, napi_callback_info) { return boolean_value(env, sys::has_pidfds()); }

// signalProcess(process, signal): whether it was there to get it
napi_value signal_process(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t process = arguments.i32(0), signal = arguments.i32(1);
  if (!arguments.ok()) return nullptr;
  sys::Failure failure = sys::signal_process(process, signal);
  if (failure && failure.code != ESRCH) return throw_failure(env, failure, "");
  return boolean_value(env, !failure);
}

// tieLifeTo(process, grace in ms)
napi_value tie_life_to(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t process = arguments.i32(0);
  double grace = arguments.number(1);
  if (!arguments.ok()) return nullptr;
  if (sys::Failure failure = sys::tie_life_to(process, static_cast<int64_t>(grace * sys::kMillisecond))) {
    return throw_failure(env, failure, "");
  }
  return undefined_value(env);
}

// graceBegin(pid, ms): what graceIsOver takes
napi_value grace_begin(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t pid = arguments.i32(0);
  double grace = arguments.number(1);
  if (!arguments.ok()) return nullptr;
  auto* begun = new sys::Grace(pid, static_cast<int64_t>(grace * sys::kMillisecond));
  napi_value external = nullptr;
  napi_create_external(
      env, begun, [](napi_env, void* data, void*) { delete static_cast<sys::Grace*>(data); }, nullptr, &external);
  return external;
}

// graceIsOver(grace)
napi_value grace_is_over(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  void* grace = nullptr;
  if (arguments.count() < 1 || napi_get_value_external(env, arguments.at(0), &grace) != napi_ok) {
    return throw_type_error(env, "what graceBegin returned is expected");
  }
  return boolean_value(env, static_cast<sys::Grace*>(grace)->over());
}

}  // namespace

void export_children(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "memoryFile", memory_file);
  export_function(env, exports, "noticeFile", notice_file);
  export_function(env, exports, "childLetGo", child_let_go);
  export_function(env, exports, "childOwn", child_own);
  export_function(env, exports, "processFile", process_file);
  export_function(env, exports, "processEnd", process_end);
  export_function(env, exports, "hasPidfds", has_pidfds);
  export_function(env, exports, "signalProcess", signal_process);
  export_function(env, exports, "spawnProcess", spawn_process);
  export_function(env, exports, "execProcess", exec_process);
  export_function(env, exports, "tieLifeTo", tie_life_to);
  export_function(env, exports, "graceBegin", grace_begin);
  export_function(env, exports, "graceIsOver", grace_is_over);
}

}  // namespace multiproc::binding
