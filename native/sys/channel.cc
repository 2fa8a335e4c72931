// Unix socket pairs between related processes.
#include "sys/channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sys/clock.h"

namespace multiproc::sys {

namespace {

union Control {
  cmsghdr alignment;
  char bytes[CMSG_SPACE(sizeof(int) * kMostDescriptors) + CMSG_SPACE(sizeof(ucred))];
};

Failure await_events(int socket, short events, int64_t deadline_ns, bool* ready) {
  pollfd one = {socket, events, 0};
  for (;;) {
    int found = poll(&one, 1, timeout_until(deadline_ns));
    if (found == -1 && errno == EINTR) continue;
    if (found == -1) return {errno, "poll"};
    *ready = found > 0;
    return {};
  }
}

void read_control(msghdr* message, Received* received) {
  for (cmsghdr* control = CMSG_FIRSTHDR(message); control != nullptr; control = CMSG_NXTHDR(message, control)) {
    if (control->cmsg_level != SOL_SOCKET) continue;
    if (control->cmsg_type == SCM_RIGHTS) {
      received->count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      memcpy(received->descriptors, CMSG_DATA(control), received->count * sizeof(int));
    } else if (control->cmsg_type == SCM_CREDENTIALS) {
      ucred sender;
      memcpy(&sender, CMSG_DATA(control), sizeof sender);
      received->pid = sender.pid;
      received->uid = sender.uid;
    }
  }
}

}  // namespace

Failure channel_pair(bool packets, int ends[2]) {
  int type = (packets ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC;
  if (socketpair(AF_UNIX, type, 0, ends) == -1) return {errno, "socketpair"};
  return {};
}

Failure identify_senders(int socket) {
  int on = 1;
  if (setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == -1) return {errno, "setsockopt"};
  return {};
}

Failure send(int socket, const void* data, size_t size, const int* descriptors, size_t count, int64_t deadline_ns,
             bool* sent) {
  *sent = false;
  if (count > kMostDescriptors) return {EINVAL, "sendmsg"};
  const char* next = static_cast<const char*>(data);
  Control control;
  do {
    iovec part = {const_cast<char*>(next), size};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (count > 0) {
      memset(&control, 0, sizeof control);
      message.msg_control = control.bytes;
      message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
      cmsghdr* rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int) * count);
      memcpy(CMSG_DATA(rights), descriptors, sizeof(int) * count);
    }
    ssize_t gone = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (gone >= 0) {
      next += gone;
      size -= static_cast<size_t>(gone);
      count = 0;  // the descriptors were sent with the first byte
    } else if (errno == EAGAIN) {
      bool ready = false;
      if (Failure failure = await_events(socket, POLLOUT, deadline_ns, &ready)) return failure;
      if (!ready) return {};
    } else if (errno != EINTR) {
      return {errno, "sendmsg"};
    }
  } while (size > 0);
  *sent = true;
  return {};
}

Failure receive(int socket, void* buffer, size_t capacity, int64_t deadline_ns, Received* received) {
  *received = Received();
  for (;;) {
    Control control;
    iovec part = {buffer, capacity};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    ssize_t size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (size >= 0) {
      received->any = true;
      received->size = static_cast<size_t>(size);
      received->truncated = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
      read_control(&message, received);
      return {};
    }
    // A sender that dies with unread messages in its receive queue causes a reset: end of stream.
    if (errno == ECONNRESET) {
      received->any = true;
      return {};
    }
    if (errno == EAGAIN) {
      bool ready = false;
      if (Failure failure = await_events(socket, POLLIN, deadline_ns, &ready)) return failure;
      if (!ready) return {};
    } else if (errno != EINTR) {
      return {errno, "recvmsg"};
    }
  }
}

}  // namespace multiproc::sys
