// Sockets between processes: messages whole, descriptors and senders told, and a side that went noticed.
#include "sys/channel.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <string>
#include <thread>

#include "check.h"
#include "sys/descriptor_io.h"
#include "sys/descriptors.h"
#include "sys/poll_set.h"
#include "sys/process_file.h"
#include "sys/stream_socket.h"

using namespace multiproc;
using namespace multiproc::sys;
using check::Child;

namespace {

int64_t in_ms(int64_t ms) { return monotonic_ns() + ms * kMillisecond; }

int open_descriptors() {
  int open = 0;
  for (int fd = 0; fd < 256; fd++) open += fcntl(fd, F_GETFD) != -1;
  return open;
}

struct Pair {
  int a, b;
  explicit Pair(bool packets) {
    int ends[2];
    CHECK_EQUAL(channel_pair(packets, ends).code, 0);
    a = ends[0];
    b = ends[1];
  }
  Pair(const Pair&) = delete;
  ~Pair() { close_descriptors({a, b}); }
};

bool give(int socket, const std::string& text, const std::vector<int>& fds = {}, int64_t deadline = kForever) {
  bool sent = false;
  CHECK_EQUAL(send(socket, text.data(), text.size(), fds.data(), fds.size(), deadline, &sent).code, 0);
  return sent;
}

Received get(int socket, std::string* text, size_t capacity = 4096, int64_t deadline = kForever) {
  Received received;
  text->assign(capacity, '\0');
  CHECK_EQUAL(receive(socket, &(*text)[0], capacity, deadline, &received).code, 0);
  text->resize(received.size);
  return received;
}

}  // namespace

TEST("descriptors arrive with their message, closed on exec, and mean the same") {
  for (bool packets : {false, true}) {
    Pair pair(packets);
    int before = open_descriptors();
    for (size_t count : {size_t{1}, size_t{3}, kMostDescriptors}) {
      int memory = -1;
      CHECK_EQUAL(memory_file("passed", &memory).code, 0);
      CHECK_EQUAL(write(memory, "same", 4), 4);
      CHECK(give(pair.a, "with", std::vector<int>(count, memory)));
      close(memory);
      std::string text;
      Received received = get(pair.b, &text);
      CHECK(text == "with");
      CHECK_EQUAL(received.count, count);
      CHECK(!received.truncated);
      for (size_t i = 0; i < count; i++) {
        char bytes[4];
        CHECK_EQUAL(pread(received.descriptors[i], bytes, 4, 0), 4);
        CHECK(memcmp(bytes, "same", 4) == 0);
        CHECK(fcntl(received.descriptors[i], F_GETFD) == FD_CLOEXEC);
        close(received.descriptors[i]);
      }
    }
    CHECK_EQUAL(open_descriptors(), before);
  }
}

TEST("more descriptors than a message carries, and closed ones, are refused before anything is sent") {
  Pair pair(true);
  bool sent = true;
  std::vector<int> many(kMostDescriptors + 1, pair.a);
  CHECK_EQUAL(send(pair.a, "x", 1, many.data(), many.size(), kForever, &sent).code, EINVAL);
  CHECK(!sent);
  int closed = dup(pair.a);
  close(closed);
  CHECK_EQUAL(send(pair.a, "x", 1, &closed, 1, kForever, &sent).code, EBADF);
  CHECK(!sent);
  std::string text;
  CHECK(!get(pair.b, &text, 10, in_ms(1)).any);
}

TEST("a receiver without room for the descriptors is told, and keeps what it got to close") {
  Pair pair(true);
  rlimit before;
  getrlimit(RLIMIT_NOFILE, &before);
  std::vector<int> fds(8, pair.a);
  CHECK(give(pair.a, "eight", fds));
  int highest = fcntl(pair.a, F_DUPFD, 0);
  close(highest);
  rlimit little = {static_cast<rlim_t>(highest + 3), before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &little);
  std::string text;
  Received received = get(pair.b, &text);
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(received.truncated);
  CHECK(received.count <= 3);
  int open = open_descriptors();
  for (size_t i = 0; i < received.count; i++) close(received.descriptors[i]);
  CHECK_EQUAL(open_descriptors(), open - static_cast<int>(received.count));
}

TEST("packets keep their bounds, and one that is longer than the buffer says so") {
  Pair pair(true);
  CHECK(give(pair.a, "first"));
  CHECK(give(pair.a, "second"));
  std::string text;
  CHECK(!get(pair.b, &text).truncated);
  CHECK(text == "first");
  CHECK(get(pair.b, &text, 3).truncated);
  CHECK(text == "sec");
}

TEST("who sent a message is told, of every process that shares the end") {
  Pair pair(true);
  CHECK_EQUAL(identify_senders(pair.a).code, 0);
  auto speak = [&](Child&) { CHECK(give(pair.b, std::to_string(getpid()))); };
  Child one(speak), two(speak);
  for (int i = 0; i < 2; i++) {
    std::string text;
    Received received = get(pair.a, &text);
    CHECK(text == std::to_string(received.pid));
    CHECK(received.pid == one.pid() || received.pid == two.pid());
    CHECK_EQUAL(received.uid, getuid());
  }
  CHECK_EQUAL(one.join(), 0);
  CHECK_EQUAL(two.join(), 0);
}

TEST("a stream larger than its buffers goes whole, in pieces, or part-way until the deadline") {
  Pair pair(false);
  std::string large(3'000'000, 'a');
  for (size_t i = 0; i < large.size(); i++) large[i] = static_cast<char>(i * 7);
  std::thread sender([&] { CHECK(give(pair.a, large)); });
  std::string all, text;
  while (all.size() < large.size()) {
    CHECK(get(pair.b, &text, 1 + all.size() % 7000).size > 0);
    all += text;
  }
  sender.join();
  CHECK(all == large);
  CHECK(!give(pair.a, large, {}, in_ms(20)));
}

TEST("a peer that closed, or was killed with messages unread, is the end for who receives and EPIPE for who sends") {
  for (bool packets : {false, true}) {
    Pair pair(packets);
    int held = dup(pair.a);
    Child other([&](Child& parent) {
      close(pair.a);
      close(held);
      parent.say();
      pause();
    });
    other.hear();
    close(pair.b);
    CHECK(give(pair.a, "never read"));
    other.kill();
    std::string text;
    Received received = get(pair.a, &text);
    CHECK(received.any);
    CHECK_EQUAL(received.size, 0u);
    bool sent = true;
    CHECK_EQUAL(send(pair.a, "x", 1, nullptr, 0, kForever, &sent).code, EPIPE);
    CHECK(!sent);
    close(held);
    pair.b = -1;
  }
}

TEST("reading and writing do not wait on any descriptor, and closed peers are told") {
  int plain[2];
  CHECK_EQUAL(pipe(plain), 0);
  Pair sockets(false);
  int ends[][2] = {{plain[0], plain[1]}, {sockets.a, sockets.b}};
  for (auto& [in, out] : ends) {
    char bytes[8] = {};
    size_t count = 99;
    CHECK_EQUAL(read_some(in, bytes, sizeof bytes, &count).code, EAGAIN);
    CHECK_EQUAL(write_some(out, {"abc", 3}, {"defgh", 5}, &count).code, 0);
    CHECK_EQUAL(count, 8u);
    CHECK_EQUAL(read_some(in, bytes, 5, &count).code, 0);
    CHECK_EQUAL(count, 5u);
    CHECK_EQUAL(read_some(in, bytes + 5, 99, &count).code, 0);
    CHECK_EQUAL(count, 3u);
    CHECK(memcmp(bytes, "abcdefgh", 8) == 0);
    Interest interests[] = {{in, 1, 0}, {out, 2, 0}};
    CHECK_EQUAL(wait_ready(interests, 2, kForever).code, 0);
    CHECK_EQUAL(interests[0].ready, 0u);
    CHECK_EQUAL(interests[1].ready, 2u);
  }
  char byte;
  size_t count = 99;
  close(plain[1]);
  CHECK_EQUAL(read_some(plain[0], &byte, 1, &count).code, 0);
  CHECK_EQUAL(count, 0u);
  close(plain[0]);
  CHECK_EQUAL(read_some(plain[0], &byte, 1, &count).code, EBADF);
  Interest gone = {plain[0], 1, 0};
  CHECK_EQUAL(wait_ready(&gone, 1, kForever).code, EBADF);
  CHECK_EQUAL(check_open(plain[0]).code, EBADF);
  shutdown(sockets.a, SHUT_RD);
  CHECK_EQUAL(write_some(sockets.b, {"x", 1}, {"", 0}, &count).code, EPIPE);
}

TEST("sockets listen and connect under a path and over TCP, and say what is wrong") {
  std::string path = "/tmp/" + check::name("socket");
  int before = open_descriptors();
  SocketAddress local, abstract, tcp, bad;
  CHECK_EQUAL(local_address(path, &local).code, 0);
  CHECK_EQUAL(local_address(std::string(1, '\0') + check::name("abstract"), &abstract).code, 0);
  CHECK_EQUAL(internet_address("127.0.0.1", 0, &tcp).code, 0);
  CHECK_EQUAL(internet_address("127.0.0.256", 0, &bad).code, EINVAL);
  CHECK_EQUAL(local_address("", &bad).code, EINVAL);
  CHECK_EQUAL(local_address(std::string("a\0b", 3), &bad).code, EINVAL);
  CHECK_EQUAL(local_address(std::string(108, 'a'), &bad).code, ENAMETOOLONG);
  for (const SocketAddress* address : {&local, &abstract, &tcp}) {
    int listener = -1, client = -1, server = -1, second = -1;
    bool done = false;
    CHECK_EQUAL(listen_at(*address, 4, &listener).code, 0);
    SocketAddress own, peer;
    CHECK_EQUAL(own_address(listener, &own).code, 0);
    CHECK_EQUAL(listen_at(own, 4, &second).code, EADDRINUSE);
    CHECK_EQUAL(second, -1);
    CHECK_EQUAL(accept_at(listener, &server, &peer).code, EAGAIN);
    CHECK_EQUAL(begin_connect(own, &client, &done).code, 0);
    Interest ready[] = {{listener, 1, 0}, {client, 2, 0}};
    CHECK_EQUAL(wait_ready(ready, 1, kForever).code, 0);
    CHECK_EQUAL(wait_ready(ready + 1, 1, kForever).code, 0);
    CHECK_EQUAL(finish_connect(client).code, 0);
    CHECK_EQUAL(accept_at(listener, &server, &peer).code, 0);
    for (int fd : {listener, client, server}) CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    close_descriptors({listener, client, server});
    // Nobody listens there any more: at once, or when it is asked.
    Failure failure = begin_connect(own, &client, &done);
    if (!failure) {
      Interest one = {client, 2, 0};
      CHECK_EQUAL(wait_ready(&one, 1, kForever).code, 0);
      failure = finish_connect(client);
      close(client);
    }
    CHECK_EQUAL(failure.code, ECONNREFUSED);
  }
  bool alive = true;
  CHECK_EQUAL(probe_local(local, &alive).code, 0);
  CHECK(!alive);
  unlink(path.c_str());
  CHECK_EQUAL(probe_local(local, &alive).code, ENOENT);
  CHECK_EQUAL(open_descriptors(), before);
}

TEST("a set of descriptors tells the ready ones, and the end of a process") {
  int set = -1, ended = -1, notice = -1;
  CHECK_EQUAL(poll_set_open(&set).code, 0);
  Child child([](Child&) { pause(); });
  CHECK_EQUAL(process_file(child.pid(), &ended).code, 0);
  CHECK_EQUAL(notice_file(&notice).code, 0);
  CHECK_EQUAL(poll_set_add(set, ended).code, 0);
  CHECK_EQUAL(poll_set_add(set, notice).code, 0);
  CHECK_EQUAL(poll_set_add(set, notice).code, EEXIST);
  int ready[4];
  size_t count = 9;
  CHECK_EQUAL(poll_set_wait(set, in_ms(1), ready, 4, &count).code, 0);
  CHECK_EQUAL(count, 0u);
  CHECK_EQUAL(signal_process(ended, SIGKILL).code, 0);
  CHECK_EQUAL(poll_set_wait(set, kForever, ready, 4, &count).code, 0);
  CHECK_EQUAL(count, 1u);
  CHECK_EQUAL(ready[0], ended);
  CHECK_EQUAL(child.join(), -SIGKILL);
  CHECK_EQUAL(signal_process(ended, 0).code, ESRCH);
  CHECK_EQUAL(poll_set_remove(set, ended).code, 0);
  CHECK_EQUAL(poll_set_remove(set, ended).code, ENOENT);
  uint64_t one = 1;
  CHECK_EQUAL(write(notice, &one, 8), 8);
  CHECK_EQUAL(poll_set_wait(set, kForever, ready, 4, &count).code, 0);
  CHECK_EQUAL(ready[0], notice);
  close_descriptors({set, ended, notice});
}

int main(int argc, char** argv) { return check::main(argc, argv); }
