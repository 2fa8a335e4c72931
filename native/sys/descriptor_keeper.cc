// Transfer of descriptors by ticket.
#include "sys/descriptor_keeper.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "sys/channel.h"
#include "sys/clock.h"
#include "sys/descriptors.h"
#include "sys/entropy.h"
#include "sys/fork_members.h"
#include "sys/stream_socket.h"
#include "sys/thread.h"

namespace multiproc::sys {

namespace {

// A ticket is the name of the keeper's socket, a dot, and the descriptor's secret, both random bytes in hex.
constexpr size_t kNameSize = 16;
constexpr size_t kSecretSize = 32;
constexpr char kCopy = 'c';
constexpr char kLast = 'l';
constexpr size_t kRequestSize = 1 + kSecretSize;

constexpr int64_t kAnswerTime = 5'000 * kMillisecond;
// Bounds the delay by a client that connects without sending a request.
constexpr int64_t kRequestTime = 500 * kMillisecond;

Failure random_hex(size_t length, std::string* text) {
  unsigned char bytes[kSecretSize / 2];
  if (Failure failure = fill_random(bytes, length / 2)) return failure;
  text->clear();
  for (size_t i = 0; i < length / 2; i++) {
    for (int digit : {bytes[i] >> 4, bytes[i] & 15}) text->push_back("0123456789abcdef"[digit]);
  }
  return {};
}

Failure keeper_address(const std::string& name, SocketAddress* address) {
  return local_address(std::string(1, '\0') + "multiproc-" + name, address);
}

bool is_of_this_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

}  // namespace

class DescriptorKeeper::State {
 public:
  std::mutex mutex;
  std::map<std::string, int> kept;  // by secret
  std::string name;
  bool running = false;
  pthread_t thread{};
  int listener = -1;
  int doorbell = -1;  // an eventfd that stops the thread

  Failure start();
  void run();
  void answer(int client);
  void close_all();
  void forget();
};

namespace {

void* thread_main(void* state) {
  static_cast<DescriptorKeeper::State*>(state)->run();
  return nullptr;
}

}  // namespace

void DescriptorKeeper::State::close_all() {
  for (auto& [secret, fd] : kept) close(fd);
  kept.clear();
  if (listener != -1) close(listener);
  if (doorbell != -1) close(doorbell);
  listener = doorbell = -1;
}

// Closes the child's copies, which would keep connections open after all other processes closed them.
void DescriptorKeeper::State::forget() {
  running = false;
  close_all();
}

Failure DescriptorKeeper::State::start() {
  SocketAddress address;
  Failure failure = random_hex(kNameSize, &name);
  if (!failure) failure = keeper_address(name, &address);
  if (!failure) failure = listen_at(address, SOMAXCONN, &listener);
  if (!failure) failure = notice_file(&doorbell);
  if (!failure) failure = start_thread(thread_main, this, &thread);
  if (failure) {
    close_all();
    return failure;
  }
  running = true;
  return {};
}

void DescriptorKeeper::State::run() {
  // Local copies: `forget` clears the members in a forked child, while the parent's thread still runs.
  pollfd wanted[] = {{listener, POLLIN, 0}, {doorbell, POLLIN, 0}};
  for (;;) {
    if (poll(wanted, 2, -1) == -1) continue;
    if (wanted[1].revents != 0) return;
    int client = -1;
    SocketAddress peer;
    if (accept_at(wanted[0].fd, &client, &peer)) continue;
    if (is_of_this_user(client)) answer(client);
    close(client);
  }
}

// An unknown ticket or a late request ends the connection.
void DescriptorKeeper::State::answer(int client) {
  char request[kRequestSize];
  size_t got = 0;
  for (int64_t until = monotonic_ns() + kRequestTime; got < kRequestSize;) {
    Received received;
    if (receive(client, request + got, kRequestSize - got, until, &received) || received.size == 0) return;
    for (size_t i = 0; i < received.count; i++) close(received.descriptors[i]);
    got += received.size;
  }
  std::lock_guard<std::mutex> guard(mutex);
  auto found = kept.find(std::string(request + 1, kSecretSize));
  if (found == kept.end()) return;
  bool sent = false;
  // The connection's buffer is empty: this does not wait.
  send(client, "", 1, &found->second, 1, monotonic_ns(), &sent);
  if (!sent || request[0] != kLast) return;
  close(found->second);
  kept.erase(found);
}

DescriptorKeeper::DescriptorKeeper() : state_(new State) { ForkMembers<State>::add(state_.get()); }

DescriptorKeeper::~DescriptorKeeper() {
  ForkMembers<State>::remove(state_.get());
  bool running = false;
  {
    std::lock_guard<std::mutex> guard(state_->mutex);
    running = state_->running;
    // An eventfd's counter always has room for 1.
    if (running && eventfd_write(state_->doorbell, 1) != 0) abort();
  }
  if (running) pthread_join(state_->thread, nullptr);
  state_->close_all();
}

Failure DescriptorKeeper::keep(int fd, std::string* ticket) {
  std::lock_guard<std::mutex> guard(state_->mutex);
  std::string secret;
  int copy = -1;
  if (Failure failure = random_hex(kSecretSize, &secret)) return failure;
  if (Failure failure = copy_descriptor(fd, &copy)) return failure;
  if (!state_->running) {
    if (Failure failure = state_->start()) {
      close(copy);
      return failure;
    }
  }
  state_->kept[secret] = copy;
  *ticket = state_->name + "." + secret;
  return {};
}

void DescriptorKeeper::drop(const std::string& ticket) {
  std::lock_guard<std::mutex> guard(state_->mutex);
  if (ticket.size() != kNameSize + 1 + kSecretSize || ticket.compare(0, kNameSize, state_->name) != 0) return;
  auto found = state_->kept.find(ticket.substr(kNameSize + 1));
  if (found == state_->kept.end()) return;
  close(found->second);
  state_->kept.erase(found);
}

namespace {

Failure ask(int socket, const std::string& secret, bool last, int* fd) {
  int64_t until = monotonic_ns() + kAnswerTime;
  std::string request = (last ? kLast : kCopy) + secret;
  bool sent = false;
  if (Failure failure = send(socket, request.data(), request.size(), nullptr, 0, until, &sent)) return failure;
  if (!sent) return {ETIMEDOUT, "sendmsg"};
  char answer = 0;
  Received received;
  if (Failure failure = receive(socket, &answer, 1, until, &received)) return failure;
  if (!received.any) return {ETIMEDOUT, "recvmsg"};
  if (received.count != 1) {
    for (size_t i = 0; i < received.count; i++) close(received.descriptors[i]);
    // Without a free descriptor number here the kernel delivers the message alone.
    return received.truncated ? Failure{EMFILE, "recvmsg"} : Failure{ENOENT, "recvmsg"};
  }
  *fd = received.descriptors[0];
  return {};
}

}  // namespace

Failure fetch_descriptor(const std::string& ticket, bool last, int* fd) {
  *fd = -1;
  if (ticket.size() != kNameSize + 1 + kSecretSize || ticket[kNameSize] != '.') return {EINVAL, "connect"};
  SocketAddress address;
  if (Failure failure = keeper_address(ticket.substr(0, kNameSize), &address)) return failure;
  int socket = -1;
  bool connected = false;
  int64_t until = monotonic_ns() + kAnswerTime;
  for (;;) {
    Failure failure = begin_connect(address, &socket, &connected);
    if (!failure) break;
    // The listener's backlog is full.
    if (failure.code != EAGAIN) return failure;
    if (monotonic_ns() >= until) return {ETIMEDOUT, "connect"};
    poll(nullptr, 0, 1);
  }
  // Another user may have taken the name after the keeper ended, and must not receive the secret.
  Failure failure =
      is_of_this_user(socket) ? ask(socket, ticket.substr(kNameSize + 1), last, fd) : Failure{EACCES, "connect"};
  close(socket);
  return failure;
}

}  // namespace multiproc::sys
