// Stream sockets in the file system, in the abstract namespace and over TCP, all non-blocking.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "sys/result.h"

namespace multiproc::sys {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

// Makes the address of a path or, after a leading NUL, of a name in the abstract namespace. ENAMETOOLONG: more than 107
// bytes; EINVAL: empty.
Failure local_address(const std::string& path, SocketAddress* address);

// Parses a numeric address (IPv4 or IPv6); empty: every IPv4 address of this machine. EINVAL: not an address.
Failure internet_address(const std::string& figures, uint16_t port, SocketAddress* address);

// Resolves a host to its first IPv4 address, else its first IPv6 one; blocks during the name lookup. ENOENT: there is
// no address.
Failure resolve_host(const std::string& host, std::string* figures);

// Opens a socket that is bound and listens. A socket file has mode 0600 from its creation. EADDRINUSE, EACCES, ENOENT.
Failure listen_at(const SocketAddress& address, int backlog, int* fd);

// Begins to connect. `*done`: connected; otherwise the socket becomes writable, and `finish_connect` returns the
// result. EAGAIN: the listener's backlog is full, and a local socket cannot be polled for room.
Failure begin_connect(const SocketAddress& address, int* fd, bool* done);
Failure finish_connect(int fd);

// Accepts the next connection; skips those that have ended. EAGAIN: none is pending.
Failure accept_at(int listener, int* fd, SocketAddress* peer);

Failure own_address(int fd, SocketAddress* address);

// Returns the peer's address; for a local socket the name that the listener has bound.
Failure peer_address(int fd, SocketAddress* address);

// Returns the peer's effective user id, as the kernel recorded it: for a connected local socket that of the process
// that called connect or listen, for a pipe that of its owner if no other user may write to it. -1: unknown, or any
// user may be the peer, as with TCP.
int64_t peer_user(int fd);

// Formats an address: a path, or a numeric address and a port. Empty and 0 for an unnamed local socket.
void describe_address(const SocketAddress& address, bool* local, std::string* text, uint16_t* port);

// Tests whether a socket file belongs to an open socket, unnoticed by its listener. ENOENT.
Failure probe_local(const SocketAddress& address, bool* alive);

}  // namespace multiproc::sys
