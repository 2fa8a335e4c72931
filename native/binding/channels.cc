// Channels for JavaScript: pairs of Unix sockets, messages that carry descriptors, sets of descriptors to wait for.
#include <vector>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "binding/target.h"
#include "sys/channel.h"
#include "sys/descriptors.h"
#include "sys/poll_set.h"

namespace multiproc::binding {

namespace {

napi_value numbers(napi_env env, const int* values, size_t count) {
  napi_value list = nullptr;
  napi_create_array_with_length(env, count, &list);
  for (size_t i = 0; i < count; i++)
    napi_set_element(env, list, static_cast<uint32_t>(i), number_value(env, values[i]));
  return list;
}

bool read_numbers(napi_env env, napi_value list, std::vector<int>* values) {
  uint32_t length = 0;
  if (list == nullptr || napi_get_array_length(env, list, &length) != napi_ok) return false;
  for (uint32_t i = 0; i < length; i++) {
    napi_value element = nullptr;
    int32_t value = 0;
    napi_get_element(env, list, i, &element);
    if (napi_get_value_int32(env, element, &value) != napi_ok) return false;
    values->push_back(value);
  }
  return true;
}

bool read_bytes(napi_env env, napi_value value, void** data, size_t* size) {
  return value != nullptr && napi_get_typedarray_info(env, value, nullptr, size, data, nullptr, nullptr) == napi_ok;
}

// channelPair(packets): [one end, the other]
napi_value channel_pair(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  bool packets = arguments.boolean(0);
  if (!arguments.ok()) return nullptr;
  int ends[2];
  if (sys::Failure failure = sys::channel_pair(packets, ends)) return throw_failure(env, failure, "");
  return numbers(env, ends, 2);
}

// identifySenders(channel)
napi_value identify_senders(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t channel = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  if (sys::Failure failure = sys::identify_senders(channel)) return throw_failure(env, failure, "");
  return undefined_value(env);
}

// channelSend(channel, bytes, descriptors, deadline): false when the deadline passed
napi_value channel_send(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t channel = arguments.i32(0);
  double deadline = arguments.number(3);
  if (!arguments.ok()) return nullptr;
  void* data = nullptr;
  size_t size = 0;
  std::vector<int> descriptors;
  if (!read_bytes(env, arguments.at(1), &data, &size) || !read_numbers(env, arguments.at(2), &descriptors)) {
    return throw_type_error(env, "bytes and descriptors are expected");
  }
  bool sent = false;
  sys::Failure failure =
      sys::send(channel, data, size, descriptors.data(), descriptors.size(), to_nanoseconds(deadline), &sent);
  if (failure) return throw_failure(env, failure, "");
  return boolean_value(env, sent);
}

// channelReceive(channel, bytes, deadline): undefined when the deadline passed, else { size, descriptors, pid, uid,
// truncated }; size 0: nobody is left who could send
napi_value channel_receive(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t channel = arguments.i32(0);
  double deadline = arguments.number(2);
  if (!arguments.ok()) return nullptr;
  void* data = nullptr;
  size_t capacity = 0;
  if (!read_bytes(env, arguments.at(1), &data, &capacity)) return throw_type_error(env, "bytes are expected");
  sys::Received received;
  if (sys::Failure failure = sys::receive(channel, data, capacity, to_nanoseconds(deadline), &received)) {
    return throw_failure(env, failure, "");
  }
  if (!received.any) return undefined_value(env);
  napi_value result = nullptr;
  napi_create_object(env, &result);
  napi_set_named_property(env, result, "size", number_value(env, static_cast<double>(received.size)));
  napi_set_named_property(env, result, "descriptors", numbers(env, received.descriptors, received.count));
  napi_set_named_property(env, result, "pid", number_value(env, received.pid));
  napi_set_named_property(env, result, "uid", number_value(env, received.uid));
  napi_set_named_property(env, result, "truncated", boolean_value(env, received.truncated));
  return result;
}

// pollSetOpen(): the descriptor of an empty set
napi_value poll_set_open(napi_env env, napi_callback_info) {
  int set = -1;
  if (sys::Failure failure = sys::poll_set_open(&set)) return throw_failure(env, failure, "");
  return number_value(env, set);
}

// pollSetAdd(set, descriptor)
napi_value poll_set_add(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t set = arguments.i32(0);
  int32_t descriptor = arguments.i32(1);
  if (!arguments.ok()) return nullptr;
  if (sys::Failure failure = sys::poll_set_add(set, descriptor)) return throw_failure(env, failure, "");
  return undefined_value(env);
}

// pollSetRemove(set, descriptor)
napi_value poll_set_remove(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t set = arguments.i32(0);
  int32_t descriptor = arguments.i32(1);
  if (!arguments.ok()) return nullptr;
  if (sys::Failure failure = sys::poll_set_remove(set, descriptor)) return throw_failure(env, failure, "");
  return undefined_value(env);
}

// pollSetWait(set, deadline): the descriptors that are ready; none when the deadline passed
napi_value poll_set_wait(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t set = arguments.i32(0);
  double deadline = arguments.number(1);
  if (!arguments.ok()) return nullptr;
  int ready[64];
  size_t count = 0;
  if (sys::Failure failure = sys::poll_set_wait(set, to_nanoseconds(deadline), ready, 64, &count)) {
    return throw_failure(env, failure, "");
  }
  return numbers(env, ready, count);
}

// placeDescriptor(fd, target)
napi_value place_descriptor(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  int32_t target = arguments.i32(1);
  if (!arguments.ok()) return nullptr;
  if (sys::Failure failure = sys::place_descriptor(fd, target)) return throw_failure(env, failure, "");
  return undefined_value(env);
}

// closeOnExec(fd)
napi_value close_on_exec(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  if (sys::Failure failure = sys::close_on_exec(fd)) return throw_failure(env, failure, "");
  return undefined_value(env);
}

// closeDescriptors(fds)
napi_value close_descriptors(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::vector<int> fds;
  if (!read_numbers(env, arguments.at(0), &fds)) return throw_type_error(env, "descriptors are expected");
  sys::close_descriptors(fds);
  return undefined_value(env);
}

}  // namespace

void export_channels(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "channelPair", channel_pair);
  export_function(env, exports, "channelReceive", channel_receive);
  export_function(env, exports, "channelSend", channel_send);
  export_function(env, exports, "closeDescriptors", close_descriptors);
  export_function(env, exports, "closeOnExec", close_on_exec);
  export_function(env, exports, "identifySenders", identify_senders);
  export_function(env, exports, "placeDescriptor", place_descriptor);
  export_function(env, exports, "pollSetAdd", poll_set_add);
  export_function(env, exports, "pollSetOpen", poll_set_open);
  export_function(env, exports, "pollSetRemove", poll_set_remove);
  export_function(env, exports, "pollSetWait", poll_set_wait);
}

}  // namespace multiproc::binding
