// Descriptors for JavaScript: reading and writing what is there and fits, and blocking until something is.
#include "sys/descriptor_io.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/exports.h"
#include "binding/target.h"
#include "sys/clock.h"
#include "sys/descriptors.h"

namespace multiproc::binding {

namespace {

constexpr int64_t kHeartbeat = 100 * sys::kMillisecond;

// What `offset` and all that follows of a Uint8Array is; false with an exception pending.
bool bytes_from(napi_env env, Arguments& arguments, size_t index, uint8_t** data, size_t* size) {
  void* start = nullptr;
  size_t length = 0;
  uint64_t offset = arguments.size(index + 1);
  if (!arguments.ok()) return false;
  if (napi_get_typedarray_info(env, arguments.at(index), nullptr, &length, &start, nullptr, nullptr) != napi_ok ||
      offset > length) {
    throw_type_error(env, "bytes and an offset in them are expected");
    return false;
  }
  *data = static_cast<uint8_t*>(start) + offset;
  *size = length - offset;
  return true;
}

// fdRead(fd, bytes, offset): how many were read, 0 at the end, −1 when nothing is there
napi_value fd_read(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  uint8_t* data = nullptr;
  size_t size = 0, count = 0;
  if (!bytes_from(env, arguments, 1, &data, &size)) return nullptr;
  sys::Failure failure = sys::read_some(fd, data, size, &count);
  if (failure.code == EAGAIN) return number_value(env, -1);
  return failure ? throw_failure(env, failure, "") : number_value(env, static_cast<double>(count));
}

// fdWrite(fd, header, offset in it, body, offset in it): how many were written, −1 when there is no room
napi_value fd_write(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  uint8_t *header = nullptr, *body = nullptr;
  size_t header_size = 0, body_size = 0, count = 0;
  if (!bytes_from(env, arguments, 1, &header, &header_size)) return nullptr;
  if (!bytes_from(env, arguments, 3, &body, &body_size)) return nullptr;
  sys::Failure failure = sys::write_some(fd, {header, header_size}, {body, body_size}, &count);
  if (failure.code == EAGAIN) return number_value(env, -1);
  return failure ? throw_failure(env, failure, "") : number_value(env, static_cast<double>(count));
}

// fdPoll(interests, deadline): an Int32Array of (fd, events, which of them are ready) is filled; how many are ready
napi_value fd_poll(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int64_t deadline = to_nanoseconds(arguments.number(1));
  napi_typedarray_type type = napi_uint8_array;
  size_t length = 0;
  void* data = nullptr;
  if (!arguments.ok()) return nullptr;
  if (napi_get_typedarray_info(env, arguments.at(0), &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_int32_array || length % 3 != 0) {
    return throw_type_error(env, "an Int32Array of descriptors is expected");
  }
  auto* table = static_cast<int32_t*>(data);
  std::vector<sys::Interest> interests(length / 3);
  for (size_t i = 0; i < interests.size(); i++) {
    interests[i] = {table[3 * i], static_cast<uint32_t>(table[3 * i + 1]), 0};
  }
  uint32_t ready = 0;
  for (bool last = false; ready == 0 && !last;) {
    int64_t now = sys::monotonic_ns();
    int64_t bound = std::min(deadline, now + kHeartbeat);
    last = now >= deadline;
    if (sys::Failure failure = sys::wait_ready(interests.data(), interests.size(), bound)) {
      return throw_failure(env, failure, "");
    }
    for (const sys::Interest& interest : interests) ready += interest.ready != 0;
    if (ready == 0 && !last && !still_running(env)) break;
  }
  for (size_t i = 0; i < interests.size(); i++) table[3 * i + 2] = static_cast<int32_t>(interests[i].ready);
  return number_value(env, ready);
}

// fdCheck(fd): fails for what is no open descriptor, and keeps it from programs that are executed
napi_value fd_check(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  if (sys::Failure failure = sys::check_open(fd)) return throw_failure(env, failure, std::to_string(fd));
  return undefined_value(env);
}

// fdOwn(fd)
napi_value fd_own(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  Environment::of(env).descriptors.push_back(fd);
  return undefined_value(env);
}

// fdCopy(fd): another descriptor of the same
napi_value fd_copy(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  int copy = -1;
  if (sys::Failure failure = sys::copy_descriptor(fd, &copy)) return throw_failure(env, failure, std::to_string(fd));
  return number_value(env, copy);
}

// fdClose(fd)
napi_value fd_close(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  auto& owned = Environment::of(env).descriptors;
  owned.erase(std::remove(owned.begin(), owned.end(), fd), owned.end());
  sys::close_descriptor(fd);
  return undefined_value(env);
}

}  // namespace

void export_descriptor_io(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "fdCheck", fd_check);
  export_function(env, exports, "fdClose", fd_close);
  export_function(env, exports, "fdCopy", fd_copy);
  export_function(env, exports, "fdOwn", fd_own);
  export_function(env, exports, "fdPoll", fd_poll);
  export_function(env, exports, "fdRead", fd_read);
  export_function(env, exports, "fdWrite", fd_write);
}

}  // namespace multiproc::binding
