// Non-blocking stream sockets.
#include "sys/stream_socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace multiproc::sys {

namespace {

const sockaddr* generic(const SocketAddress& address) { return reinterpret_cast<const sockaddr*>(&address.storage); }
sockaddr* generic(SocketAddress& address) { return reinterpret_cast<sockaddr*>(&address.storage); }

Failure open_socket(int family, int* fd) {
  *fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  return {*fd == -1 ? errno : 0, "socket"};
}

void no_delay(int fd, int family) {
  int on = 1;
  if (family != AF_UNIX) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Failure abandon(int* fd, const char* call) {
  Failure failure = {errno, call};
  close(*fd);
  *fd = -1;
  return failure;
}

}  // namespace

Failure local_address(const std::string& path, SocketAddress* address) {
  auto* local = reinterpret_cast<sockaddr_un*>(&address->storage);
  bool abstract = !path.empty() && path[0] == '\0';
  if (path.empty() || (!abstract && path.find('\0') != std::string::npos)) return {EINVAL, "bind"};
  // The kernel accepts 108 bytes without a terminator, but some programs cannot read them back.
  if (path.size() >= sizeof local->sun_path) return {ENAMETOOLONG, "bind"};
  local->sun_family = AF_UNIX;
  memcpy(local->sun_path, path.data(), path.size());
  address->length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
  return {};
}

Failure internet_address(const std::string& figures, uint16_t port, SocketAddress* address) {
  auto* four = reinterpret_cast<sockaddr_in*>(&address->storage);
  auto* six = reinterpret_cast<sockaddr_in6*>(&address->storage);
  if (figures.empty() || inet_pton(AF_INET, figures.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
    address->length = sizeof *four;
    return {};
  }
  if (inet_pton(AF_INET6, figures.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    address->length = sizeof *six;
    return {};
  }
  return {EINVAL, "inet_pton"};
}

Failure resolve_host(const std::string& host, std::string* figures) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  for (int family : {AF_INET, AF_INET6}) {
    hints.ai_family = family;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) continue;
    char text[NI_MAXHOST] = "";
    int code = getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
    freeaddrinfo(found);
    if (code != 0) continue;
    *figures = text;
    return {};
  }
  return {ENOENT, "getaddrinfo"};
}

Failure listen_at(const SocketAddress& address, int backlog, int* fd) {
  int family = address.storage.ss_family;
  if (Failure failure = open_socket(family, fd)) return failure;
  int on = 1;
  // bind gives the file the socket's mode. A later chmod would leave a moment with another mode.
  if (family == AF_UNIX)
    fchmod(*fd, 0600);
  else
    setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(*fd, generic(address), address.length) != 0) return abandon(fd, "bind");
  if (listen(*fd, backlog) != 0) return abandon(fd, "listen");
  return {};
}

Failure begin_connect(const SocketAddress& address, int* fd, bool* done) {
  if (Failure failure = open_socket(address.storage.ss_family, fd)) return failure;
  no_delay(*fd, address.storage.ss_family);
  *done = connect(*fd, generic(address), address.length) == 0;
  // An interrupted connect continues asynchronously.
  if (*done || errno == EINPROGRESS || errno == EINTR) return {};
  return abandon(fd, "connect");
}

Failure finish_connect(int fd) {
  int code = 0;
  socklen_t size = sizeof code;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0) code = errno;
  return {code, "connect"};
}

Failure accept_at(int listener, int* fd, SocketAddress* peer) {
  for (;;) {
    peer->length = sizeof peer->storage;
    *fd = accept4(listener, generic(*peer), &peer->length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (*fd != -1) break;
    switch (errno) {
      // Ended or failed before this call; the next one may succeed.
      case EINTR:
      case ECONNABORTED:
      case EPROTO:
      case ENETDOWN:
      case ENETUNREACH:
      case EHOSTDOWN:
      case EHOSTUNREACH:
      case ENOPROTOOPT:
        continue;
      default:
        return {errno == EWOULDBLOCK ? EAGAIN : errno, "accept"};
    }
  }
  no_delay(*fd, peer->storage.ss_family);
  return {};
}

Failure own_address(int fd, SocketAddress* address) {
  address->length = sizeof address->storage;
  return {getsockname(fd, generic(*address), &address->length) == 0 ? 0 : errno, "getsockname"};
}

Failure peer_address(int fd, SocketAddress* address) {
  address->length = sizeof address->storage;
  return {getpeername(fd, generic(*address), &address->length) == 0 ? 0 : errno, "getpeername"};
}

int64_t peer_user(int fd) {
  struct stat status {};
  if (fstat(fd, &status) != 0) return -1;
  if (S_ISFIFO(status.st_mode)) return (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 ? int64_t{status.st_uid} : -1;
  int family = 0;
  socklen_t size = sizeof family;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0 || family != AF_UNIX) return -1;
  ucred peer{};
  size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  // An unconnected socket has no peer.
  return peer.uid == static_cast<uid_t>(-1) ? -1 : int64_t{peer.uid};
}

void describe_address(const SocketAddress& address, bool* local, std::string* text, uint16_t* port) {
  char figures[INET6_ADDRSTRLEN] = "";
  *port = 0;
  *local = address.storage.ss_family == AF_UNIX;
  if (*local) {
    const auto* unix_address = reinterpret_cast<const sockaddr_un*>(&address.storage);
    size_t size = address.length - offsetof(sockaddr_un, sun_path);
    text->assign(unix_address->sun_path, size);
    if (size > 0 && unix_address->sun_path[0] != '\0') text->resize(strnlen(text->data(), size));
    return;
  }
  if (address.storage.ss_family == AF_INET) {
    const auto* four = reinterpret_cast<const sockaddr_in*>(&address.storage);
    inet_ntop(AF_INET, &four->sin_addr, figures, sizeof figures);
    *port = ntohs(four->sin_port);
  } else {
    const auto* six = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    inet_ntop(AF_INET6, &six->sin6_addr, figures, sizeof figures);
    *port = ntohs(six->sin6_port);
  }
  *text = figures;
}

Failure probe_local(const SocketAddress& address, bool* alive) {
  // A datagram socket cannot connect to a stream socket: EPROTOTYPE if it is open, ECONNREFUSED if it is closed.
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd == -1) return {errno, "socket"};
  int code = connect(fd, generic(address), address.length) == 0 ? 0 : errno;
  close(fd);
  if (code != 0 && code != EPROTOTYPE && code != ECONNREFUSED) return {code, "connect"};
  *alive = code != ECONNREFUSED;
  return {};
}

}  // namespace multiproc::sys
