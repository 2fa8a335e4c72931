// Descriptors on their way: each ticket gives a copy of what was kept, until it was fetched for the last time, was
// dropped, or its keeper has ended.
#include "sys/descriptor_keeper.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <memory>
#include <thread>

#include "check.h"
#include "sys/stream_socket.h"

using namespace multiproc::sys;
using check::Child;

namespace {

struct Ends {
  int kept, other;
  Ends() {
    int ends[2];
    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    kept = ends[0];
    other = ends[1];
  }
  void forget() {
    close(kept);
    kept = -1;
  }
  // Whether nobody has the kept end open any more.
  bool ended() {
    char byte = 0;
    return recv(other, &byte, 1, MSG_DONTWAIT) == 0;
  }
};

int fetch(const std::string& ticket, bool last = true) {
  int fd = -1;
  CHECK_EQUAL(fetch_descriptor(ticket, last, &fd).code, 0);
  CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  return fd;
}

int code_of(const std::string& ticket) {
  int fd = -1;
  int code = fetch_descriptor(ticket, true, &fd).code;
  CHECK(code == 0 || fd == -1);
  return code;
}

}  // namespace

TEST("what is kept can be fetched, also by another process, and is closed after the last time") {
  DescriptorKeeper keeper;
  Ends ends;
  std::string ticket;
  CHECK_EQUAL(keeper.keep(ends.kept, &ticket).code, 0);
  CHECK(ticket.size() < 100);
  ends.forget();
  int copy = fetch(ticket, false);
  CHECK_EQUAL(write(copy, "1", 1), 1);
  Child child([&](Child&) {
    int fd = fetch(ticket);
    CHECK_EQUAL(write(fd, "2", 1), 1);
  });
  CHECK_EQUAL(child.join(), 0);
  char text[2];
  CHECK_EQUAL(recv(ends.other, text, 2, MSG_WAITALL), 2);
  CHECK(text[0] == '1' && text[1] == '2');
  CHECK(!ends.ended());
  close(copy);
  // The keeper closes its own when it has sent it.
  check::eventually([&] { return ends.ended(); }, "the end");
  CHECK_EQUAL(code_of(ticket), ENOENT);
  close(ends.other);
}

TEST("what was dropped, or whose keeper has ended, is closed, and cannot be had") {
  auto keeper = std::make_unique<DescriptorKeeper>();
  Ends first, second;
  std::string one, two;
  CHECK_EQUAL(keeper->keep(first.kept, &one).code, 0);
  CHECK_EQUAL(keeper->keep(second.kept, &two).code, 0);
  first.forget();
  second.forget();
  keeper->drop(one);
  keeper->drop(one);
  keeper->drop("none");
  CHECK(first.ended());
  CHECK_EQUAL(code_of(one), ENOENT);
  CHECK(!second.ended());
  keeper.reset();
  CHECK(second.ended());
  CHECK_EQUAL(code_of(two), ECONNREFUSED);
  close(first.other);
  close(second.other);
}

TEST("tickets that are none get nothing, and descriptors that are none no ticket") {
  DescriptorKeeper keeper;
  Ends ends;
  std::string ticket;
  CHECK_EQUAL(keeper.keep(99999, &ticket).code, EBADF);
  CHECK_EQUAL(keeper.keep(ends.kept, &ticket).code, 0);
  for (const std::string& bad : {std::string(), std::string("a.b"), ticket + "0", std::string(49, '.')}) {
    int code = code_of(bad);
    CHECK(code == EINVAL || code == ECONNREFUSED);
  }
  std::string guess = ticket;
  guess.back() = guess.back() == '0' ? '1' : '0';
  CHECK_EQUAL(code_of(guess), ENOENT);
  close(fetch(ticket));
  close(ends.kept);
  close(ends.other);
}

TEST("one who connects and says nothing, or only a part, does not keep the others from theirs") {
  alarm(60);
  DescriptorKeeper keeper;
  Ends ends;
  std::string ticket;
  CHECK_EQUAL(keeper.keep(ends.kept, &ticket).code, 0);
  SocketAddress address;
  CHECK_EQUAL(local_address(std::string(1, '\0') + "multiproc-" + ticket.substr(0, 16), &address).code, 0);
  int silent[2];
  for (int& fd : silent) {
    bool done = false;
    CHECK_EQUAL(begin_connect(address, &fd, &done).code, 0);
  }
  CHECK_EQUAL(write(silent[1], "ltoo short", 10), 10);
  close(fetch(ticket));
  for (int fd : silent) close(fd);
  close(ends.kept);
  close(ends.other);
}

TEST("many threads keep and fetch at once") {
  DescriptorKeeper keeper;
  const int rounds = check::kThreadSanitizer ? 50 : 300;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) {
    threads.emplace_back([&] {
      for (int round = 0; round < rounds; round++) {
        Ends ends;
        std::string ticket;
        CHECK_EQUAL(keeper.keep(ends.kept, &ticket).code, 0);
        ends.forget();
        int fd = fetch(ticket);
        CHECK(!ends.ended());
        close(fd);
        check::eventually([&] { return ends.ended(); }, "the end");
        close(ends.other);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

int main(int argc, char** argv) { return check::main(argc, argv); }
