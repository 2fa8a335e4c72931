// Waiting for descriptors: each wait is told once and by its own ticket, nothing is told after its end, and descriptors
// come and go meanwhile.
#include "sys/fd_watcher.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "check.h"
#include "sys/fork.h"

using namespace multiproc;
using namespace multiproc::sys;

namespace {

// A watcher whose bell can be slept on.
struct Watched {
  Word bell{0};
  FdWatcher watcher{[](void* self) { static_cast<Watched*>(self)->ring(); }, this};

  void ring() {
    bell.fetch_add(1);
    futex_wake(&bell, 1);
  }
  uint32_t arm(int fd, uint32_t events) {
    uint32_t ticket = 0;
    CHECK_EQUAL(watcher.arm(fd, events, nullptr, &ticket).code, 0);
    CHECK(ticket != 0);
    return ticket;
  }
  std::vector<uint32_t> drain() {
    std::vector<uint32_t> tickets;
    watcher.drain(&tickets);
    return tickets;
  }
  void expect(std::set<uint32_t> wanted) {
    check::eventually(
        [&] {
          for (uint32_t ticket : drain()) CHECK_EQUAL(wanted.erase(ticket), 1u);
          return wanted.empty();
        },
        "all tickets");
  }
};

struct Ends {
  int a, b;
  Ends() {
    int ends[2];
    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    a = ends[0];
    b = ends[1];
  }
  Ends(const Ends&) = delete;
  ~Ends() {
    if (a != -1) close(a);
    if (b != -1) close(b);
  }
  void say() { CHECK_EQUAL(write(b, "x", 1), 1); }
  void hear() {
    char byte;
    CHECK_EQUAL(read(a, &byte, 1), 1);
  }
};

}  // namespace

TEST("each wait of a descriptor is told once, reading and writing apart") {
  Watched watched;
  Ends ends;
  uint32_t first = watched.arm(ends.a, kReadable), second = watched.arm(ends.a, kReadable);
  watched.expect({watched.arm(ends.a, kWritable)});
  CHECK(watched.drain().empty());
  ends.say();
  watched.expect({first, second});
  CHECK(watched.drain().empty());
  // Still readable: a new wait is told at once.
  watched.expect({watched.arm(ends.a, kReadable | kWritable)});
}

TEST("a closed peer is told to who waits for reading, and for writing") {
  Watched watched;
  Ends ends;
  uint32_t ticket = watched.arm(ends.a, kReadable);
  close(ends.b);
  ends.b = -1;
  watched.expect({ticket});
  watched.expect({watched.arm(ends.a, kWritable)});
}

TEST("a descriptor that is closed is refused, a regular file is always ready") {
  Watched watched;
  Ends ends;
  uint32_t ticket = 0;
  int closed = dup(ends.a);
  close(closed);
  CHECK_EQUAL(watched.watcher.arm(closed, kReadable, nullptr, &ticket).code, EBADF);
  CHECK_EQUAL(watched.watcher.arm(-1, kReadable, nullptr, &ticket).code, EBADF);
  int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  CHECK(file != -1);
  uint32_t before = watched.bell.load();
  watched.expect({watched.arm(file, kReadable)});
  CHECK(watched.bell.load() != before);
  close(file);
}

TEST("a descriptor that was closed with its wait leaves its number usable") {
  Watched watched;
  for (int round = 0; round < 200; round++) {
    Ends ends;
    int fd = dup(ends.a);
    uint32_t stale = watched.arm(fd, kReadable);
    close(fd);
    Ends others;
    CHECK_EQUAL(dup2(others.a, fd), fd);
    uint32_t ticket = watched.arm(fd, kReadable);
    others.say();
    std::vector<uint32_t> got;
    check::eventually(
        [&] {
          for (uint32_t one : watched.drain()) got.push_back(one);
          return std::find(got.begin(), got.end(), ticket) != got.end();
        },
        "the new wait");
    for (uint32_t one : got) CHECK(one == ticket || one == stale);
    watched.watcher.disarm(stale);
    close(fd);
  }
}

TEST("nothing of a wait is told after its end, however close the event was") {
  Watched watched;
  Ends ends;
  std::atomic<int> turn{0};
  constexpr int kRounds = check::kThreadSanitizer ? 2'000 : 10'000;
  std::thread sayer([&] {
    for (int round = 1; round <= kRounds; round++) {
      while (turn.load() != round) std::this_thread::yield();
      ends.say();
      turn = -round;
    }
  });
  int told = 0;
  for (int round = 1; round <= kRounds; round++) {
    uint32_t ticket = watched.arm(ends.a, kReadable);
    turn = round;
    for (int i = round % 97; i > 0; i--) std::this_thread::yield();
    bool came = false;
    for (uint32_t one : watched.drain()) {
      CHECK_EQUAL(one, ticket);
      came = true;
    }
    watched.watcher.disarm(ticket);
    CHECK(watched.drain().empty());
    while (turn.load() != -round) std::this_thread::yield();
    CHECK(watched.drain().empty());
    ends.hear();
    told += came;
  }
  sayer.join();
}

TEST("thousands of descriptors, armed and disarmed by several threads") {
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const int pairs = limit.rlim_cur > 9'000 ? 4'000 : static_cast<int>(limit.rlim_cur / 4);
  Watched watched;
  std::vector<std::unique_ptr<Ends>> all;
  for (int i = 0; i < pairs; i++) all.push_back(std::make_unique<Ends>());
  std::vector<uint32_t> tickets(pairs);
  std::vector<std::thread> threads;
  for (int part = 0; part < 4; part++) {
    threads.emplace_back([&, part] {
      for (int i = part; i < pairs; i += 4) tickets[i] = watched.arm(all[i]->a, kReadable);
      // Every third is not wanted any more, while others become ready.
      for (int i = part; i < pairs; i += 4) {
        if (i % 3 == 0) watched.watcher.disarm(tickets[i]);
        all[i]->say();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<uint32_t> wanted;
  for (int i = 0; i < pairs; i++) {
    if (i % 3 != 0) CHECK(wanted.insert(tickets[i]).second);
  }
  watched.expect(wanted);
  CHECK(watched.drain().empty());
}

TEST("a wait with a bell of its own raises that one alone") {
  Watched watched;
  Ends ends;
  Word bell{0};
  uint32_t ticket = 0;
  CHECK_EQUAL(watched.watcher.arm(ends.a, kReadable, &bell, &ticket).code, 0);
  ends.say();
  while (bell.load() == 0) {
    FutexSet set;
    set.add(&bell, 0);
    futex_wait(set, monotonic_ns() + 60'000 * kMillisecond);
  }
  CHECK_EQUAL(watched.bell.load(), 0u);
  CHECK(watched.drain().empty());
}

TEST("a watcher ends while events come, and leaves no descriptor open") {
  auto count = [] {
    int open = 0;
    for (int fd = 0; fd < 256; fd++) open += fcntl(fd, F_GETFD) != -1;
    return open;
  };
  int before = count();
  for (int round = 0; round < 200; round++) {
    Ends ends;
    Watched watched;
    watched.arm(ends.a, kReadable);
    ends.say();
    if (round % 2 == 0) watched.arm(ends.b, kWritable);
  }
  CHECK_EQUAL(count(), before);
}

int main(int argc, char** argv) { return check::main(argc, argv); }
