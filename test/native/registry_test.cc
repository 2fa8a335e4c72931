// Participants: every thread is one of its own, lives until it ends in whatever way, and its id is never alive again.
#include "sync/registry.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "check.h"
#include "sync/owner.h"

using namespace multiproc;
using namespace multiproc::sync;
using check::attach_here;
using check::Child;

namespace {

uint32_t attach_in_thread() {
  uint32_t owner = 0;
  std::thread([&] { owner = attach_here(); }).join();
  return owner;
}

// Runs `body` in a thread with a small stack. Many of them fit.
template <typename Body>
pthread_t small_thread(Body* body) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 << 10);
  pthread_t thread;
  int code = pthread_create(
      &thread, &attributes,
      [](void* argument) -> void* {
        (*static_cast<Body*>(argument))();
        return nullptr;
      },
      body);
  pthread_attr_destroy(&attributes);
  CHECK_EQUAL(code, 0);
  return thread;
}

void write_registry(const void* data, size_t size, mode_t mode = 0600) {
  std::string path = sys::file_path(registry_name());
  unlink(path.c_str());
  int fd = open(path.c_str(), O_CREAT | O_EXCL | O_RDWR, mode);
  CHECK(fd != -1 && fchmod(fd, mode) == 0);
  CHECK(write(fd, data, size) == static_cast<ssize_t>(size));
  close(fd);
}

}  // namespace

TEST("a thread attaches once, and every thread is a participant of its own") {
  uint32_t first = attach_here();
  CHECK_EQUAL(attach_here(), first);
  CHECK_EQUAL(attached(), first);
  CHECK((first & ~kOwnerMask) == 0);
  uint32_t other = 0;
  std::atomic<bool> end{false};
  std::thread thread([&] {
    other = attach_here();
    CHECK(!is_dead(first) && !is_dead(other));
    while (!end) check::nap(1);
  });
  check::eventually([&] { return registry()->slots[slot_of(first) + 1].pid.load() != 0; }, "the other thread's slot");
  end = true;
  thread.join();
  CHECK(other != first);
  CHECK(is_dead(other));
  CHECK(!is_dead(first));
}

TEST("a slot says which process has it and since when") {
  Slot& slot = registry() == nullptr ? (attach_here(), registry()->slots[slot_of(attached())])
                                     : registry()->slots[slot_of(attach_here())];
  CHECK_EQUAL(slot.pid.load(), static_cast<uint32_t>(getpid()));
  CHECK(slot.started_ms.load() / 1000 + 60 > static_cast<uint64_t>(time(nullptr)));
}

TEST("the child of a fork is a participant of its own, and dead once it was killed") {
  uint32_t me = attach_here();
  Child child([&](Child& parent) {
    CHECK_EQUAL(attached(), 0u);
    uint32_t mine = attach_here();
    CHECK(mine != me);
    CHECK(!is_dead(me));
    parent.send(mine);
    parent.hear();
  });
  uint32_t its = child.receive<uint32_t>();
  CHECK(!is_dead(its));
  CHECK_EQUAL(child.kill(), -SIGKILL);
  CHECK(is_dead(its));
  CHECK(!is_dead(me));
}

TEST("the end of a fork's parent does not end the child's life") {
  int report[2];
  CHECK(pipe(report) == 0);
  attach_here();
  Child parent([&](Child& us) {
    attach_here();
    if (fork() == 0) {
      forget_participant();
      uint32_t mine = attach_here();
      CHECK(write(report[1], &mine, sizeof mine) == sizeof mine);
      us.hear();
      _exit(0);
    }
    us.say();
    pause();
  });
  uint32_t grandchild = 0;
  CHECK(read(report[0], &grandchild, sizeof grandchild) == sizeof grandchild);
  parent.hear();
  ::kill(parent.pid(), SIGKILL);
  CHECK(waitpid(parent.pid(), nullptr, 0) == parent.pid());
  CHECK(!is_dead(grandchild));
  parent.say();  // The grandchild reads it.
  check::eventually([&] { return is_dead(grandchild); }, "the grandchild's end");
}

TEST("exec ends the life of the thread that calls it, while the process goes on") {
  attach_here();
  Child child([](Child& parent) {
    parent.send(attach_here());
    parent.hear();
    execlp("sleep", "sleep", "60", nullptr);
    _exit(127);
  });
  uint32_t its = child.receive<uint32_t>();
  CHECK(!is_dead(its));
  child.say();
  check::eventually([&] { return is_dead(its); }, "the end by exec");
  CHECK(waitpid(child.pid(), nullptr, WNOHANG) == 0);
}

TEST("a stopped process is alive") {
  attach_here();
  Child child([](Child& parent) {
    parent.send(attach_here());
    pause();
  });
  uint32_t its = child.receive<uint32_t>();
  child.signal(SIGSTOP);
  int status;
  CHECK(waitpid(child.pid(), &status, WUNTRACED) == child.pid() && WIFSTOPPED(status));
  CHECK(!is_dead(its));
  child.kill();
  CHECK(is_dead(its));
}

TEST("10,000 lives reuse the slots, and no id is given twice or lives again") {
  uint32_t me = attach_here();
  std::set<uint32_t> seen;
  int rounds = check::kThreadSanitizer ? 5'000 : 10'000;
  for (int i = 0; i < rounds; i++) CHECK(seen.insert(attach_in_thread()).second);
  std::set<uint32_t> slots;
  for (uint32_t id : seen) {
    CHECK(is_dead(id));
    slots.insert(slot_of(id));
  }
  CHECK_EQUAL(slots.size(), kSlots - 1);  // All but ours, which has been in use all the time.
  CHECK(!is_dead(me));
}

TEST("slots come back oldest first") {
  uint32_t first = attach_in_thread();
  for (uint32_t i = 0; i < kSlots - 1; i++) {
    CHECK(slot_of(attach_in_thread()) != slot_of(first));
  }
  uint32_t again = attach_in_thread();
  CHECK_EQUAL(slot_of(again), slot_of(first));
  CHECK_EQUAL(generation_of(again), generation_of(first) + 1);
}

TEST("a generation that reaches its last value starts again at 1") {
  uint32_t first = attach_in_thread();
  registry()->slots[slot_of(first)].generation = kMaxGeneration;
  registry()->cursor = slot_of(first);
  uint32_t next = attach_in_thread();
  CHECK_EQUAL(slot_of(next), slot_of(first));
  CHECK_EQUAL(generation_of(next), 1u);
}

TEST("4,096 living participants are the most: EUSERS, until one of them ends") {
  if (check::kThreadSanitizer || check::kAddressSanitizer) SKIP("4,096 threads are too many for a sanitizer");
  std::atomic<uint32_t> there{0}, last{0}, full{0};
  // They sleep until they are told: thousands of threads that poll would keep every processor busy.
  std::mutex mutex;
  std::condition_variable told;
  bool end = false, end_one = false;
  auto tell = [&](bool* what) {
    std::lock_guard<std::mutex> guard(mutex);
    *what = true;
    told.notify_all();
  };
  uint32_t me = attach_here();
  auto body = [&] {
    uint32_t owner = 0;
    sys::Failure failure = attach(&owner);
    if (failure) CHECK(failure.code == EUSERS), full++;
    bool chosen = !failure && last.exchange(owner) == 0;
    there++;
    std::unique_lock<std::mutex> lock(mutex);
    told.wait(lock, [&] { return end || (chosen && end_one); });
  };
  // Slots whose owner lives in another process are in use too, so some of these may find none: fill up from here.
  std::vector<pthread_t> threads;
  for (uint32_t i = 0; i < kSlots - 1; i++) threads.push_back(small_thread(&body));
  check::eventually([&] { return there == kSlots - 1; }, "all threads");
  CHECK_EQUAL(full.load(), 0u);
  auto one_more = [&] {
    uint32_t owner = 0;
    sys::Failure failure = attach(&owner);
    CHECK_EQUAL(failure.code, EUSERS);
    CHECK_EQUAL(owner, 0u);
    // The same thread succeeds once there is room.
    tell(&end_one);
    check::eventually([&] { return !attach(&owner); }, "a free slot");
    CHECK(owner != 0 && owner != me);
  };
  pthread_t extra = small_thread(&one_more);
  pthread_join(extra, nullptr);
  tell(&end);
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
}

TEST("whoever is killed with the registry's mutex in hand does not stop the others") {
  if (check::kThreadSanitizer) SKIP("this sanitizer does not know that EOWNERDEAD means locked");
  attach_here();
  for (int i = 0; i < 20; i++) {
    Child holder([](Child& parent) {
      int code = pthread_mutex_lock(&registry()->allocation);
      CHECK(code == 0 || code == EOWNERDEAD);
      if (code == EOWNERDEAD) pthread_mutex_consistent(&registry()->allocation);
      parent.say();
      pause();
    });
    holder.hear();
    // Two wait for it: one is told of the death by the kernel, the other by the first.
    uint32_t a = 0, b = 0;
    std::thread one([&] { a = attach_here(); }), two([&] { b = attach_here(); });
    check::nap(i % 4);
    holder.kill();
    one.join();
    two.join();
    CHECK(a != 0 && b != 0 && a != b);
  }
}

TEST("participants that are killed while they attach leave the registry usable") {
  attach_here();
  for (int i = 0; i < 200; i++) {
    Child child([](Child& parent) {
      parent.say();
      for (;;) std::thread([] { attach_here(); }).join();
    });
    child.hear();
    if (i % 3 != 0) check::nap(i % 3);
    child.kill();
    attach_in_thread();
  }
}

TEST("processes that start at the same moment share one registry") {
  std::string file = sys::file_path(registry_name());
  for (int round = 0; round < 20; round++) {
    unlink(file.c_str());
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 6; i++) {
      children.push_back(std::make_unique<Child>([](Child& parent) {
        parent.hear();
        attach_here();
        parent.send(registry()->id);
        parent.hear();
      }));
    }
    for (auto& child : children) child->say();
    std::set<std::string> ids;
    for (auto& child : children) {
      RegistryId id = child->receive<RegistryId>();
      ids.insert(std::string(reinterpret_cast<char*>(id.bytes), sizeof id.bytes));
    }
    CHECK_EQUAL(ids.size(), 1u);
    for (auto& child : children) child->say();
    for (auto& child : children) CHECK_EQUAL(child->join(), 0);
  }
}

TEST("a file under the registry's name that is none is refused: EPROTO, EACCES, ELOOP") {
  uint32_t owner;
  std::string path = sys::file_path(registry_name());
  char garbage[100] = "garbage";
  write_registry(garbage, sizeof garbage);
  CHECK_EQUAL(attach(&owner).code, EPROTO);
  std::vector<char> whole(sizeof(Registry), 'x');
  write_registry(whole.data(), whole.size());
  CHECK_EQUAL(attach(&owner).code, EPROTO);
  write_registry(whole.data(), whole.size(), 0644);
  CHECK_EQUAL(attach(&owner).code, EACCES);
  unlink(path.c_str());
  CHECK(symlink("/dev/null", path.c_str()) == 0);
  CHECK_EQUAL(attach(&owner).code, ELOOP);
  unlink(path.c_str());
  CHECK(mkfifo(path.c_str(), 0600) == 0);
  CHECK_EQUAL(attach(&owner).code, EACCES);
  unlink(path.c_str());
  CHECK(mkdir(path.c_str(), 0700) == 0);
  CHECK_EQUAL(attach(&owner).code, EISDIR);
  CHECK(rmdir(path.c_str()) == 0);
  CHECK_EQUAL(attach(&owner).code, 0);
}

TEST("without a descriptor to be had attaching says EMFILE, and works later") {
  rlimit before, none = {0, 0};
  getrlimit(RLIMIT_NOFILE, &before);
  none.rlim_max = before.rlim_max;
  setrlimit(RLIMIT_NOFILE, &none);
  uint32_t owner = 0;
  int code = attach(&owner).code;
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK_EQUAL(code, EMFILE);
  CHECK_EQUAL(owner, 0u);
  CHECK_EQUAL(attach(&owner).code, 0);
}

TEST("a registry that was removed under a living user is followed by another one, with another id") {
  auto first_id = [](Child& parent) {
    attach_here();
    parent.send(registry()->id);
    parent.hear();
    CHECK(!is_dead(attached()));
  };
  Child one(first_id);
  RegistryId before = one.receive<RegistryId>();
  unlink(sys::file_path(registry_name()).c_str());
  Child two(first_id);
  RegistryId after = two.receive<RegistryId>();
  CHECK(memcmp(&before, &after, sizeof before) != 0);
  one.say();
  two.say();
  CHECK_EQUAL(one.join(), 0);
  CHECK_EQUAL(two.join(), 0);
}

TEST("a namespace that could not be part of a file name counts as none") {
  setenv("MULTIPROC_NAMESPACE", "../x", 1);
  CHECK(registry_name().find('/') == std::string::npos);
}

int main(int argc, char** argv) { return check::main(argc, argv); }
