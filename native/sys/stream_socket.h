// Stream sockets, in the file system, in the abstract namespace, and over TCP: made, connected and accepted without
// waiting.
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

// A path, or with a NUL in front a name in the abstract namespace. ENAMETOOLONG: more than 107 bytes; EINVAL: empty.
Failure local_address(const std::string& path, SocketAddress* address);

// An address in figures (IPv4 or IPv6), or empty for every IPv4 address of this machine. EINVAL: it is none.
Failure internet_address(const std::string& figures, uint16_t port, SocketAddress* address);

// The host's first IPv4 address, else its first IPv6 one; blocks while a name server is asked. ENOENT: there is none.
Failure resolve_host(const std::string& host, std::string* figures);

// A socket that is bound and listens. A socket file gets the mode 0600 at its birth. EADDRINUSE, EACCES, ENOENT.
Failure listen_at(const SocketAddress& address, int backlog, int* fd);

// Begins to connect. `*done`: it is connected; else the socket becomes writable, and `finish_connect` tells how it
// went. EAGAIN: the listener has no room at this moment, and a local socket cannot be waited for.
Failure begin_connect(const SocketAddress& address, int* fd, bool* done);
Failure finish_connect(int fd);

// The next connection, if there is one. EAGAIN: none. Connections that ended meanwhile are skipped.
Failure accept_at(int listener, int* fd, SocketAddress* peer);

// The address that a socket got.
Failure own_address(int fd, SocketAddress* address);

// The address at the other side of a connected socket; of a local one the name that the listener has bound.
Failure peer_address(int fd, SocketAddress* address);

// The effective user id at the other side of a descriptor, as the kernel recorded it: of a connected local socket that
// of the process that called connect or listen, of a pipe that of its owner if no other user may open it. -1: not
// known, or any user may be there, as with TCP.
int64_t peer_user(int fd);

// An address as people write it: a path, or figures with the port. Empty and 0 for a local socket without a name.
void describe_address(const SocketAddress& address, bool* local, std::string* text, uint16_t* port);

// Whether a socket file belongs to a socket that is open: a probe that its listener does not notice. ENOENT.
Failure probe_local(const SocketAddress& address, bool* alive);

}  // namespace multiproc::sys
