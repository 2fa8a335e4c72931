// Stream sockets for JavaScript: made, connected and accepted without waiting.
//
// An address is three arguments: whether it is local, the path or the figures, and the port.
#include <cerrno>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "sys/stream_socket.h"

namespace multiproc::binding {

namespace {

// Throws what the address is about when it fails.
bool read_address(napi_env env, Arguments& arguments, std::string* text, sys::SocketAddress* address) {
  bool local = arguments.boolean(0);
  *text = arguments.string(1);
  uint32_t port = arguments.u32(2);
  if (!arguments.ok()) return false;
  sys::Failure failure =
      local ? sys::local_address(*text, address) : sys::internet_address(*text, static_cast<uint16_t>(port), address);
  if (!local) *text += ":" + std::to_string(port);
  if (failure) throw_failure(env, failure, *text);
  return !failure;
}

napi_value address_value(napi_env env, const sys::SocketAddress& address) {
  bool local = false;
  std::string text;
  uint16_t port = 0;
  sys::describe_address(address, &local, &text, &port);
  napi_value result = nullptr, name = nullptr;
  napi_create_array_with_length(env, 3, &result);
  napi_create_string_utf8(env, text.data(), text.size(), &name);
  napi_set_element(env, result, 0, boolean_value(env, local));
  napi_set_element(env, result, 1, name);
  napi_set_element(env, result, 2, number_value(env, port));
  return result;
}

// socketListen(local, text, port, backlog): the descriptor
napi_value socket_listen(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t backlog = arguments.i32(3);
  std::string text;
  sys::SocketAddress address;
  int fd = -1;
  if (!read_address(env, arguments, &text, &address)) return nullptr;
  if (sys::Failure failure = sys::listen_at(address, backlog, &fd)) return throw_failure(env, failure, text);
  return number_value(env, fd);
}

// socketConnect(local, text, port): [descriptor, connected]; null when the listener has no room at this moment
napi_value socket_connect(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::string text;
  sys::SocketAddress address;
  int fd = -1;
  bool done = false;
  if (!read_address(env, arguments, &text, &address)) return nullptr;
  sys::Failure failure = sys::begin_connect(address, &fd, &done);
  napi_value result = nullptr;
  if (failure.code == EAGAIN) {
    napi_get_null(env, &result);
    return result;
  }
  if (failure) return throw_failure(env, failure, text);
  napi_create_array_with_length(env, 2, &result);
  napi_set_element(env, result, 0, number_value(env, fd));
  napi_set_element(env, result, 1, boolean_value(env, done));
  return result;
}

// socketFinish(fd, address for people): fails if the connection did not come about
napi_value socket_finish(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  std::string text = arguments.string(1);
  if (!arguments.ok()) return nullptr;
  if (sys::Failure failure = sys::finish_connect(fd)) return throw_failure(env, failure, text);
  return undefined_value(env);
}

// socketAccept(listener): [descriptor, peer's address]; null when nobody is there
napi_value socket_accept(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t listener = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  sys::SocketAddress peer;
  int fd = -1;
  sys::Failure failure = sys::accept_at(listener, &fd, &peer);
  napi_value result = nullptr;
  if (failure.code == EAGAIN) {
    napi_get_null(env, &result);
    return result;
  }
  if (failure) return throw_failure(env, failure, "");
  napi_create_array_with_length(env, 2, &result);
  napi_set_element(env, result, 0, number_value(env, fd));
  napi_set_element(env, result, 1, address_value(env, peer));
  return result;
}

// socketAddress(fd): [local, text, port]
napi_value socket_address(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  sys::SocketAddress address;
  if (sys::Failure failure = sys::own_address(fd, &address)) return throw_failure(env, failure, "");
  return address_value(env, address);
}

// socketPeerAddress(fd): as socketAddress, of the other side
napi_value socket_peer_address(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  sys::SocketAddress address;
  if (sys::Failure failure = sys::peer_address(fd, &address)) return throw_failure(env, failure, "");
  return address_value(env, address);
}

// socketPeerUser(fd): the user id at the other side; -1 where that is not known
napi_value socket_peer_user(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  int32_t fd = arguments.i32(0);
  if (!arguments.ok()) return nullptr;
  return number_value(env, static_cast<double>(sys::peer_user(fd)));
}

// socketResolve(host): its address in figures; blocks
napi_value socket_resolve(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::string host = arguments.string(0), figures;
  if (!arguments.ok()) return nullptr;
  if (sys::Failure failure = sys::resolve_host(host, &figures)) return throw_failure(env, failure, host);
  napi_value result = nullptr;
  napi_create_string_utf8(env, figures.data(), figures.size(), &result);
  return result;
}

// socketProbe(path): whether the socket of the file is open
napi_value socket_probe(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  std::string path = arguments.string(0);
  if (!arguments.ok()) return nullptr;
  sys::SocketAddress address;
  bool alive = false;
  sys::Failure failure = sys::local_address(path, &address);
  if (!failure) failure = sys::probe_local(address, &alive);
  return failure ? throw_failure(env, failure, path) : boolean_value(env, alive);
}

}  // namespace

void export_sockets(Napi::Env env, Napi::Object exports) {
  export_function(env, exports, "socketAccept", socket_accept);
  export_function(env, exports, "socketAddress", socket_address);
  export_function(env, exports, "socketConnect", socket_connect);
  export_function(env, exports, "socketFinish", socket_finish);
  export_function(env, exports, "socketListen", socket_listen);
  export_function(env, exports, "socketPeerAddress", socket_peer_address);
  export_function(env, exports, "socketPeerUser", socket_peer_user);
  export_function(env, exports, "socketProbe", socket_probe);
  export_function(env, exports, "socketResolve", socket_resolve);
}

}  // namespace multiproc::binding
