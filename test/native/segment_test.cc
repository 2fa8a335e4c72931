// Segments: born whole, refused when they are not ours, kept while anyone has them, gone when nobody has.
#include "sync/segment.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <atomic>
#include <thread>

#include "check.h"
#include "sync/lock.h"
#include "sync/registry.h"

using namespace multiproc;
using namespace multiproc::sync;
using check::attach_here;
using check::Child;

namespace {

constexpr uint64_t kSize = 4096;

BlockHeader* block_of(const Segment& segment) { return reinterpret_cast<BlockHeader*>(segment.data() + kFirstBlock); }

Word& word_of(const Segment& segment) {
  return *reinterpret_cast<Word*>(segment.data() + kFirstBlock + sizeof(BlockHeader) + kWordOffset);
}

sys::Failure create(const std::string& name, Segment* segment, uint64_t size = kSize) {
  sys::Failure failure = create_segment(SegmentKind::object, size, attach_here(), check::name("temporary"), segment);
  if (failure) return failure;
  BlockHeader* block = block_of(*segment);
  block->size = size - kFirstBlock - sizeof(BlockHeader);
  block->kind.store(static_cast<uint32_t>(BlockKind::lock));
  return publish_segment(segment, name);
}

int open_code(const std::string& name, Segment* segment, HeaderFault expected = HeaderFault::none) {
  HeaderFault fault;
  sys::Failure failure = open_segment(name, segment, &fault);
  if (!failure) CHECK_EQUAL(static_cast<int>(fault), static_cast<int>(expected));
  return failure.code;
}

int open_code(const std::string& name) {
  Segment segment;
  return open_code(name, &segment);
}

sys::Sweep sweep(const std::string& name) { return sys::sweep_file(name, segment_needed); }

void write_file(const std::string& name, const void* data, size_t size, mode_t mode = 0600) {
  int fd = open(sys::file_path(name).c_str(), O_CREAT | O_TRUNC | O_RDWR, mode);
  CHECK(fd != -1 && fchmod(fd, mode) == 0 && write(fd, data, size) == static_cast<ssize_t>(size));
  close(fd);
}

size_t open_descriptors() {
  size_t count = 0;
  DIR* folder = opendir("/proc/self/fd");
  while (readdir(folder) != nullptr) count++;
  closedir(folder);
  return count;
}

}  // namespace

TEST("what one process makes another one opens; its words are shared") {
  std::string name = check::name("a");
  Segment mine;
  CHECK_EQUAL(create(name, &mine).code, 0);
  Child child([&](Child& parent) {
    Segment its;
    CHECK_EQUAL(open_code(name, &its), 0);
    CHECK_EQUAL(its.size(), kSize);
    CHECK(lock_try(word_of(its), attach_here()));
    parent.send(attached());
    parent.hear();
  });
  uint32_t its = child.receive<uint32_t>();
  CHECK_EQUAL(word_of(mine).load(), its);
  child.kill();
  CHECK(lock_try(word_of(mine), attached()));
  CHECK((word_of(mine).load() & kDirty) != 0);
  CHECK_EQUAL(sys::unlink_file(name).code, 0);
  CHECK_EQUAL(sys::unlink_file(name).code, ENOENT);
  CHECK_EQUAL(open_code(name), ENOENT);
}

TEST("a name belongs to whoever was first: EEXIST") {
  std::string name = check::name("a");
  Segment first, second;
  CHECK_EQUAL(create(name, &first).code, 0);
  CHECK_EQUAL(create(name, &second).code, EEXIST);
  Segment third;
  CHECK_EQUAL(open_code(name, &third), 0);
  CHECK_EQUAL(third.inode, first.inode);
  sys::unlink_file(name);
}

TEST("a segment that was never published leaves nothing, however its maker ends") {
  size_t before = check::names().size();
  Segment segment;
  CHECK_EQUAL(create_segment(SegmentKind::object, kSize, attach_here(), check::name("t"), &segment).code, 0);
  before = check::names().size();
  sys::close_file(&segment.file);
  CHECK_EQUAL(check::names().size(), before);
  for (int i = 0; i < 50; i++) {
    Child child([](Child& parent) {
      parent.say();
      for (;;) {
        Segment one;
        create_segment(SegmentKind::object, 64 * kSize, attach_here(), check::name("t"), &one);
        sys::close_file(&one.file);
      }
    });
    child.hear();
    child.kill();
  }
  CHECK_EQUAL(check::names().size(), before);
}

TEST("nobody ever sees a half-made segment, while processes make, open and unlink one name") {
  std::string name = check::name("race");
  attach_here();
  std::vector<std::unique_ptr<Child>> children;
  for (int i = 0; i < 4; i++) {
    children.push_back(std::make_unique<Child>([&, i](Child& parent) {
      int made = 0, opened = 0;
      for (int round = 0; round < 3'000; round++) {
        Segment segment;
        int code = open_code(name, &segment);
        if (code == ENOENT) {
          Segment fresh;
          code = create(name, &fresh).code;
          CHECK(code == 0 || code == EEXIST);
          made += code == 0;
          continue;
        }
        CHECK_EQUAL(code, 0);
        opened++;
        BlockFacts facts;
        CHECK(check_block(segment.data(), segment.size(), kFirstBlock, &facts) == HeaderFault::none);
        CHECK_EQUAL(segment.header()->total_size, kSize);
        if ((round + i) % 3 == 0) {
          int unlinked = sys::unlink_file(name).code;
          CHECK(unlinked == 0 || unlinked == ENOENT);
        }
      }
      parent.send(made);
      parent.send(opened);
    }));
  }
  int made = 0, opened = 0;
  for (auto& child : children) {
    made += child->receive<int>();
    opened += child->receive<int>();
    CHECK_EQUAL(child->join(), 0);
  }
  printf("# made %d times, opened %d times\n", made, opened);
  CHECK(made > 10 && opened > 10);
  sys::unlink_file(name);
}

TEST("holders of an unlinked segment go on with it, and its name can be made anew") {
  std::string name = check::name("a");
  Segment before, after, again;
  CHECK_EQUAL(create(name, &before).code, 0);
  CHECK_EQUAL(open_code(name, &again), 0);
  sys::unlink_file(name);
  CHECK_EQUAL(create(name, &after).code, 0);
  CHECK(lock_try(word_of(before), attached()));
  CHECK_EQUAL(word_of(again).load(), attached());
  CHECK_EQUAL(word_of(after).load(), 0u);
  CHECK(after.inode != before.inode);
  sys::unlink_file(name);
}

TEST("files that are not ours are refused by what is wrong with them") {
  std::string name = check::name("a");
  std::string path = sys::file_path(name);
  Segment segment;
  attach_here();
  std::vector<uint8_t> bytes(kSize);
  write_file(name, bytes.data(), 10);
  CHECK_EQUAL(open_code(name, &segment, HeaderFault::too_small), 0);
  CHECK(segment.mapping == nullptr);
  write_file(name, bytes.data(), 0);
  CHECK_EQUAL(open_code(name, &segment, HeaderFault::too_small), 0);
  write_file(name, bytes.data(), kSize);
  CHECK_EQUAL(open_code(name, &segment, HeaderFault::bad_magic), 0);
  for (mode_t mode : {0644, 0660, 0400, 0700, 04600}) {
    write_file(name, bytes.data(), kSize, mode);
    CHECK_EQUAL(open_code(name), EACCES);
    unlink(path.c_str());
  }
  CHECK(symlink("/etc/hostname", path.c_str()) == 0);
  CHECK_EQUAL(open_code(name), ELOOP);
  unlink(path.c_str());
  CHECK(mkfifo(path.c_str(), 0600) == 0);
  CHECK_EQUAL(open_code(name), EACCES);
  unlink(path.c_str());
  CHECK(mkdir(path.c_str(), 0700) == 0);
  CHECK_EQUAL(open_code(name), EISDIR);
  CHECK(rmdir(path.c_str()) == 0);
  CHECK_EQUAL(open_code(check::name(std::string(300, 'n'))), ENAMETOOLONG);
}

TEST("another user's segment is refused: EACCES") {
  if (geteuid() != 0) SKIP("only root can make a file of another user");
  std::string name = check::name("a");
  Segment segment;
  CHECK_EQUAL(create(name, &segment).code, 0);
  CHECK(chown(sys::file_path(name).c_str(), 4711, 4711) == 0);
  CHECK_EQUAL(open_code(name), EACCES);
  CHECK(chown(sys::file_path(name).c_str(), 0, 0) == 0);
  Child child([&](Child&) {
    CHECK(setgid(4711) == 0 && setuid(4711) == 0);
    int fd;
    sys::FileFacts facts;
    CHECK_EQUAL(sys::open_file(name, &fd, &facts).code, EACCES);
  });
  CHECK_EQUAL(child.join(), 0);
  sys::unlink_file(name);
}

TEST("the umask does not change the mode") {
  umask(0777);
  std::string name = check::name("a");
  Segment segment;
  CHECK_EQUAL(create(name, &segment).code, 0);
  CHECK_EQUAL(open_code(name), 0);
  sys::unlink_file(name);
}

TEST("a full /dev/shm says ENOSPC when a segment is made, and nobody dies of it later") {
  if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("none", "/dev/shm", "tmpfs", 0, "size=2m") != 0) {
    SKIP("no permission to mount a small /dev/shm");
  }
  attach_here();
  Segment big;
  CHECK_EQUAL(create(check::name("big"), &big, 4 << 20).code, ENOSPC);
  std::vector<std::unique_ptr<Segment>> kept;
  int code = 0;
  while (code == 0 && kept.size() < 1000) {
    kept.push_back(std::make_unique<Segment>());
    code = create(check::name(std::to_string(kept.size())), kept.back().get(), 64 << 10).code;
    if (code == 0) memset(kept.back()->data() + kSize, 1, (64 << 10) - kSize);
  }
  CHECK_EQUAL(code, ENOSPC);
  CHECK(kept.size() > 10);
  kept.pop_back();
  CHECK_EQUAL(sys::unlink_file(check::name("1")).code, 0);
  kept.erase(kept.begin());
  Segment now;
  CHECK_EQUAL(create(check::name("again"), &now, 64 << 10).code, 0);
}

TEST("without a descriptor to be had: EMFILE; nothing is lost by it") {
  std::string name = check::name("a");
  Segment segment, other;
  CHECK_EQUAL(create(name, &segment).code, 0);
  size_t before = open_descriptors();
  rlimit usual, none;
  getrlimit(RLIMIT_NOFILE, &usual);
  none = {0, usual.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  int opening = open_code(name), making = create(check::name("b"), &other).code;
  sys::Sweep swept = sweep(name);
  setrlimit(RLIMIT_NOFILE, &usual);
  CHECK_EQUAL(opening, EMFILE);
  CHECK_EQUAL(making, EMFILE);
  CHECK(swept == sys::Sweep::in_use);
  CHECK_EQUAL(open_descriptors(), before);
  CHECK_EQUAL(open_code(name), 0);
  sys::unlink_file(name);
}

TEST("no memory to map it: ENOMEM") {
  if (check::kThreadSanitizer || check::kAddressSanitizer) SKIP("a sanitizer needs the address space itself");
  std::string name = check::name("a");
  Segment segment;
  CHECK_EQUAL(create(name, &segment, 64 << 20).code, 0);
  rlimit usual, little;
  getrlimit(RLIMIT_AS, &usual);
  little = {128 << 20, usual.rlim_max};
  setrlimit(RLIMIT_AS, &little);
  int opening = open_code(name);
  setrlimit(RLIMIT_AS, &usual);
  CHECK_EQUAL(opening, ENOMEM);
  CHECK_EQUAL(open_code(name), 0);
  sys::unlink_file(name);
}

TEST("signals that come all the time keep nothing from ending") {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
  itimerval often = {{0, 500}, {0, 500}}, never = {};
  setitimer(ITIMER_REAL, &often, nullptr);
  std::string name = check::name("a");
  for (int i = 0; i < 20; i++) {
    Segment segment;
    CHECK_EQUAL(create(name, &segment, 16 << 20).code, 0);
    CHECK_EQUAL(open_code(name), 0);
    CHECK_EQUAL(sys::unlink_file(name).code, 0);
  }
  setitimer(ITIMER_REAL, &never, nullptr);
}

TEST("a thousand segments opened and let go leave no descriptor, and retiring one twice is harmless") {
  std::string name = check::name("a");
  Segment segment;
  CHECK_EQUAL(create(name, &segment).code, 0);
  size_t before = open_descriptors();
  for (int i = 0; i < 1000; i++) {
    Segment one;
    CHECK_EQUAL(open_code(name, &one), 0);
    if (i % 2 == 0) continue;
    CHECK_EQUAL(one.mapping->retire().code, 0);
    CHECK_EQUAL(one.mapping->retire().code, 0);
    CHECK_EQUAL(one.data()[0], 0);
  }
  CHECK_EQUAL(open_descriptors(), before);
  segment.mapping.reset();
  CHECK(sweep(name) == sys::Sweep::removed);
}

TEST("a retired mapping lets the segment go while its addresses stay valid") {
  std::string name = check::name("a");
  Segment segment;
  CHECK_EQUAL(create(name, &segment).code, 0);
  uint8_t* data = segment.data();
  CHECK(sweep(name) == sys::Sweep::in_use);
  CHECK_EQUAL(segment.mapping->retire().code, 0);
  CHECK(sweep(name) == sys::Sweep::removed);
  data[0] = 1;
  CHECK(segment.mapping->retired());
}

TEST("sweep removes what nobody has open, and nothing else") {
  std::string name = check::name("a");
  attach_here();
  CHECK(sweep(name) == sys::Sweep::gone);
  Child child([&](Child& parent) {
    Segment segment;
    CHECK_EQUAL(create(name, &segment).code, 0);
    parent.say();
    pause();
  });
  child.hear();
  CHECK(sweep(name) == sys::Sweep::in_use);
  child.signal(SIGSTOP);
  CHECK(sweep(name) == sys::Sweep::in_use);
  child.kill();
  CHECK(sweep(name) == sys::Sweep::removed);
  CHECK(sweep(name) == sys::Sweep::gone);
}

TEST("the child of a fork keeps open what its parent had open") {
  std::string name = check::name("a");
  Segment segment;
  CHECK_EQUAL(create(name, &segment).code, 0);
  Child child([](Child& parent) { parent.hear(); });
  segment.mapping.reset();
  CHECK(sweep(name) == sys::Sweep::in_use);
  child.kill();
  CHECK(sweep(name) == sys::Sweep::removed);
}

TEST("openers and sweepers meet at every moment: who opened it keeps it") {
  std::string name = check::name("a");
  attach_here();
  std::atomic<bool>* end =
      new (mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<bool>(false);
  Child sweeper([&](Child&) {
    while (!*end) sweep(name);
  });
  Child maker([&](Child&) {
    while (!*end) {
      Segment segment;
      int code = create(name, &segment).code;
      CHECK(code == 0 || code == EEXIST);
    }
  });
  int opened = 0;
  int64_t deadline = sys::monotonic_ns() + 60'000 * sys::kMillisecond;
  while (opened < 2'000 && sys::monotonic_ns() < deadline) {
    Segment segment;
    int code = open_code(name, &segment);
    CHECK(code == 0 || code == ENOENT);
    if (code != 0) continue;
    opened++;
    struct stat named;
    // Only its own openers keep it: it has its name while we have it open.
    CHECK(stat(sys::file_path(name).c_str(), &named) == 0 && named.st_ino == segment.inode);
  }
  *end = true;
  CHECK_EQUAL(sweeper.join(), 0);
  CHECK_EQUAL(maker.join(), 0);
  CHECK_EQUAL(opened, 2'000);
  sweep(name);
}

TEST("a sweeper that is killed in the middle stops nobody") {
  std::string name = check::name("a");
  Segment segment;
  CHECK_EQUAL(create(name, &segment).code, 0);
  segment.mapping.reset();
  Child sweeper([&](Child& parent) {
    int fd = open(sys::file_path(name).c_str(), O_RDWR);
    CHECK(sys::lock_alone(fd));
    parent.say();
    pause();
  });
  sweeper.hear();
  std::thread opener([&] { CHECK_EQUAL(open_code(name), 0); });
  check::nap(20);
  sweeper.kill();
  opener.join();
  CHECK(sweep(name) == sys::Sweep::removed);
}

TEST("a sweeper that is stopped in the middle is an error for openers, not a hang: EBUSY") {
  std::string name = check::name("a");
  Segment segment;
  CHECK_EQUAL(create(name, &segment).code, 0);
  segment.mapping.reset();
  Child sweeper([&](Child& parent) {
    int fd = open(sys::file_path(name).c_str(), O_RDWR);
    CHECK(sys::lock_alone(fd));
    parent.say();
    pause();
  });
  sweeper.hear();
  sweeper.signal(SIGSTOP);
  CHECK_EQUAL(open_code(name), EBUSY);
  sweeper.kill();
  CHECK(sweep(name) == sys::Sweep::removed);
}

TEST("a handle on its way keeps a segment that nobody has open, while its sender lives") {
  std::string name = check::name("a");
  uint32_t me = attach_here();
  Child sender([&](Child& parent) {
    Segment segment;
    CHECK_EQUAL(create(name, &segment).code, 0);
    CHECK(begin_transit(segment.header(), attached()));
    CHECK(begin_transit(segment.header(), attached()));
    segment.mapping.reset();
    parent.send(attached());
    parent.hear();
  });
  uint32_t its = sender.receive<uint32_t>();
  CHECK(sweep(name) == sys::Sweep::in_use);
  {
    Segment received;
    CHECK_EQUAL(open_code(name, &received), 0);
    end_transit(received.header(), its);
    CHECK(in_transit(received.header()));
    end_transit(received.header(), me);  // One that was never sent.
  }
  CHECK(sweep(name) == sys::Sweep::in_use);
  sender.kill();
  CHECK(sweep(name) == sys::Sweep::removed);
}

TEST("all handles received: nothing keeps the segment any more") {
  std::string name = check::name("a");
  uint32_t me = attach_here();
  {
    Segment segment;
    CHECK_EQUAL(create(name, &segment).code, 0);
    for (int i = 0; i < 1000; i++) CHECK(begin_transit(segment.header(), me));
    for (int i = 0; i < 999; i++) end_transit(segment.header(), me);
    CHECK(in_transit(segment.header()));
    end_transit(segment.header(), me);
    CHECK(!in_transit(segment.header()));
    end_transit(segment.header(), me);
    CHECK(!in_transit(segment.header()));
  }
  CHECK(sweep(name) == sys::Sweep::removed);
}

TEST("sixteen senders are recorded; the places of dead ones are used again") {
  std::string name = check::name("a");
  uint32_t me = attach_here();
  Segment segment;
  CHECK_EQUAL(create(name, &segment).code, 0);
  std::atomic<int> sent{0};
  std::atomic<bool> end{false};
  std::vector<std::thread> senders;
  for (int i = 0; i < kTransits; i++) {
    senders.emplace_back([&] {
      CHECK(begin_transit(segment.header(), attach_here()));
      sent++;
      while (!end) check::nap(1);
    });
  }
  check::eventually([&] { return sent == kTransits; }, "sixteen senders");
  CHECK(!begin_transit(segment.header(), me));
  end = true;
  for (auto& sender : senders) sender.join();
  CHECK(!in_transit(segment.header()));
  CHECK(begin_transit(segment.header(), me));
  segment.mapping.reset();
  CHECK(sweep(name) == sys::Sweep::in_use);
  Segment again;
  CHECK_EQUAL(open_code(name, &again), 0);
  end_transit(again.header(), me);
  again.mapping.reset();
  CHECK(sweep(name) == sys::Sweep::removed);
}

TEST("a segment of a registry that is gone is adopted by the next one alone, else refused: ESTALE") {
  std::string name = check::name("a");
  Child old([&](Child& parent) {
    Segment segment;
    CHECK_EQUAL(create(name, &segment).code, 0);
    CHECK(lock_try(word_of(segment), attached()));
    CHECK(begin_transit(segment.header(), attached()));
    parent.say();
    parent.hear();
  });
  old.hear();
  unlink(sys::file_path(registry_name()).c_str());
  uint32_t me = attach_here();
  CHECK_EQUAL(open_code(name), ESTALE);
  CHECK_EQUAL(open_code(name), ESTALE);
  old.kill();
  Segment segment;
  CHECK_EQUAL(open_code(name, &segment), 0);
  CHECK(same_registry(segment.header()->registry, registry()->id));
  CHECK_EQUAL(word_of(segment).load(), kDirty);
  CHECK(!in_transit(segment.header()));
  CHECK(lock_try(word_of(segment), me));
  CHECK_EQUAL(word_of(segment).load(), me | kDirty);
  // Adopting it took the exclusive lock; it is shared again.
  CHECK_EQUAL(open_code(name), 0);
  CHECK(sweep(name) == sys::Sweep::in_use);
  segment.mapping.reset();
  CHECK(sweep(name) == sys::Sweep::removed);
}

TEST("processes that find a segment of a registry that is gone at the same moment all get it") {
  // Children do everything: once this process had a registry, they would inherit it.
  auto swept_by_another = [](const std::string& name) {
    return Child([&](Child&) { _exit(static_cast<int>(sweep(name))); }).join();
  };
  for (int round = 0; round < 20; round++) {
    std::string name = check::name("a" + std::to_string(round));
    Child old([&](Child& parent) {
      Segment segment;
      CHECK_EQUAL(create(name, &segment).code, 0);
      CHECK(lock_try(word_of(segment), attached()));
      parent.say();
    });
    old.hear();
    CHECK_EQUAL(old.join(), 0);
    unlink(sys::file_path(registry_name()).c_str());
    std::vector<std::unique_ptr<Child>> openers;
    for (int i = 0; i < 4; i++) {
      openers.push_back(std::make_unique<Child>([&](Child& parent) {
        attach_here();
        parent.say();
        parent.hear();
        Segment segment;
        CHECK_EQUAL(open_code(name, &segment), 0);
        CHECK(same_registry(segment.header()->registry, registry()->id));
        parent.say();
        parent.hear();
        CHECK_EQUAL(word_of(segment).load(), kDirty);
      }));
    }
    for (auto& opener : openers) opener->hear();
    for (auto& opener : openers) opener->say();
    for (auto& opener : openers) opener->hear();
    CHECK_EQUAL(swept_by_another(name), static_cast<int>(sys::Sweep::in_use));
    for (auto& opener : openers) opener->say();
    for (auto& opener : openers) CHECK_EQUAL(opener->join(), 0);
    CHECK_EQUAL(swept_by_another(name), static_cast<int>(sys::Sweep::removed));
  }
}

int main(int argc, char** argv) { return check::main(argc, argv); }
