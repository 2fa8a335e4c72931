// The lock word: exclusion, what a death does to it, who may release it, and that nobody is robbed or forgotten.
#include "sync/lock.h"

#include <atomic>
#include <thread>

#include "check.h"
#include "sync/registry.h"
#include "sync/wait.h"

using namespace multiproc;
using namespace multiproc::sync;
using check::attach_here;
using check::Child;

namespace {

struct Shared {
  Word word{0};
  Word other{0};
  std::atomic<uint32_t> count{0};
  std::atomic<uint32_t> inside{0};
  uint64_t plain = 0;  // Guarded by `word`: the thread sanitizer sees whether it really is.
};

Shared* shared() { return check::make_shared<Shared>(); }

Target target_of(Word& word) { return {Target::Kind::lock, &word, nullptr, 0, 1}; }

bool wait_ms(Word& word, uint32_t me, int64_t ms) {
  return wait_until(target_of(word), me, sys::monotonic_ns() + ms * sys::kMillisecond) != kNotYet;
}

bool wait_for_ever(Word& word, uint32_t me) { return wait_until(target_of(word), me, sys::kForever) != kNotYet; }

bool is_parked(uint32_t owner) { return registry()->slots[slot_of(owner)].waits[0].load() != 0; }

}  // namespace

TEST("zero is an unlocked lock; taking and freeing it goes through the documented states") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  CHECK(lock_try(s.word, me));
  CHECK_EQUAL(s.word.load(), me);
  CHECK(!lock_try(s.word, me));
  CHECK_EQUAL(s.word.load(), me);  // A try leaves no mark.
  CHECK(lock_release(s.word) != kNotHeld);
  CHECK_EQUAL(s.word.load(), 0u);
  CHECK(lock_release(s.word) == kNotHeld);
}

TEST("threads exclude each other, whether they wait or try") {
  Shared& s = *shared();
  constexpr int kThreads = 4, kRounds = check::kThreadSanitizer ? 5'000 : 50'000;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; i++) {
    threads.emplace_back([&, i] {
      uint32_t me = attach_here();
      for (int round = 0; round < kRounds; round++) {
        if ((round + i) % 3 == 0) {
          while (!lock_try(s.word, me)) std::this_thread::yield();
        } else {
          CHECK(wait_for_ever(s.word, me));
        }
        CHECK_EQUAL(s.inside.exchange(me), 0u);
        s.plain++;
        if (round % 64 == 0) std::this_thread::yield();
        CHECK_EQUAL(s.inside.exchange(0), me);
        CHECK(lock_release(s.word) != kNotHeld);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK_EQUAL(s.plain, static_cast<uint64_t>(kThreads) * kRounds);
  CHECK_EQUAL(s.word.load(), 0u);
}

TEST("processes exclude each other") {
  Shared& s = *shared();
  std::vector<std::unique_ptr<Child>> children;
  for (int i = 0; i < 4; i++) {
    children.push_back(std::make_unique<Child>([&](Child&) {
      uint32_t me = attach_here();
      for (int round = 0; round < 20'000; round++) {
        CHECK(wait_for_ever(s.word, me));
        CHECK_EQUAL(s.inside.exchange(me), 0u);
        s.plain++;
        CHECK_EQUAL(s.inside.exchange(0), me);
        lock_release(s.word);
      }
    }));
  }
  for (auto& child : children) CHECK_EQUAL(child->join(), 0);
  CHECK_EQUAL(s.plain, 80'000u);
}

TEST("a wait ends at its deadline and not before, and takes nothing") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  uint32_t its = 0;
  std::atomic<bool> end{false}, held{false};
  std::thread holder([&] {
    its = attach_here();
    CHECK(lock_try(s.word, its));
    held = true;
    while (!end) check::nap(1);
    CHECK(lock_release(s.word) != kNotHeld);
  });
  check::eventually([&] { return held.load(); }, "the holder");
  int64_t before = sys::monotonic_ns();
  CHECK(!wait_ms(s.word, me, 30));
  CHECK(sys::monotonic_ns() - before >= 30 * sys::kMillisecond);
  CHECK_EQUAL(s.word.load(), its | kContended);
  CHECK(!wait_ms(s.word, me, 0));
  end = true;
  holder.join();
  CHECK_EQUAL(s.word.load(), 0u);
  CHECK(!is_parked(me));
}

TEST("any participant may release it; the next in line gets it") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  CHECK(lock_try(s.word, me));
  Child child([&](Child& parent) {
    uint32_t mine = attach_here();
    parent.send(mine);
    CHECK(wait_for_ever(s.word, mine));
    parent.say();
    parent.hear();
  });
  uint32_t its = child.receive<uint32_t>();
  check::eventually([&] { return is_parked(its); }, "the child's wait");
  std::thread([&] { CHECK(lock_release(s.word) != kNotHeld); }).join();
  child.hear();
  CHECK_EQUAL(s.word.load(), its | kContended);
  child.say();
}

TEST("one who waits for itself gets it when another thread releases") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  CHECK(lock_try(s.word, me));
  CHECK(!wait_ms(s.word, me, 20));
  std::thread other([&] {
    check::eventually([&] { return is_parked(me); }, "the wait for itself");
    CHECK(lock_release(s.word) != kNotHeld);
  });
  CHECK(wait_for_ever(s.word, me));
  other.join();
  CHECK_EQUAL(s.word.load() & kOwnerMask, me);
}

TEST("a thread that ends holding it passes it on as dirty, until somebody marks it consistent") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  std::thread([&] { CHECK(lock_try(s.word, attach_here())); }).join();
  CHECK(lock_try(s.word, me));
  CHECK_EQUAL(s.word.load(), me | kDirty | kContended);
  lock_release(s.word);
  CHECK_EQUAL(s.word.load(), kDirty);
  std::thread([&] {
    uint32_t its = attach_here();
    CHECK(lock_try(s.word, its));
    CHECK_EQUAL(s.word.load(), its | kDirty);
    CHECK(!lock_mark_consistent(s.word, me));
    CHECK_EQUAL(s.word.load(), its | kDirty);
    lock_release(s.word);
  }).join();
  CHECK(wait_for_ever(s.word, me));
  CHECK(lock_mark_consistent(s.word, me));
  CHECK_EQUAL(s.word.load(), me);
  lock_release(s.word);
  CHECK_EQUAL(s.word.load(), 0u);
  CHECK(!lock_mark_consistent(s.word, me));
}

TEST("a killed owner's lock goes to one who waits, by the blocking wait, dirty and exactly once") {
  Shared& s = *shared();
  attach_here();
  for (int round = 0; round < 20; round++) {
    s.word = 0;
    s.count = 0;
    Child owner([&](Child& parent) {
      CHECK(lock_try(s.word, attach_here()));
      parent.say();
      pause();
    });
    owner.hear();
    std::vector<std::unique_ptr<Child>> waiters;
    for (int i = 0; i < 3; i++) {
      waiters.push_back(std::make_unique<Child>([&](Child& parent) {
        uint32_t mine = attach_here();
        parent.send(mine);
        CHECK(wait_for_ever(s.word, mine));
        CHECK_EQUAL(s.inside.exchange(1), 0u);
        bool dirty = (s.word.load() & kDirty) != 0;
        if (dirty) s.count++;
        CHECK(!dirty || lock_mark_consistent(s.word, mine));
        s.inside = 0;
        lock_release(s.word);
      }));
    }
    for (auto& waiter : waiters) {
      uint32_t id = waiter->receive<uint32_t>();
      check::eventually([&] { return is_parked(id); }, "a parked waiter");
    }
    owner.kill();
    for (auto& waiter : waiters) CHECK_EQUAL(waiter->join(), 0);
    CHECK_EQUAL(s.count.load(), 1u);
  }
}

TEST("all locks of a killed owner come free, for those who wait for different ones") {
  Shared& s = *shared();
  attach_here();
  for (int round = 0; round < 20; round++) {
    s.word = s.other = 0;
    Child owner([&](Child& parent) {
      uint32_t mine = attach_here();
      CHECK(lock_try(s.word, mine) && lock_try(s.other, mine));
      parent.say();
      pause();
    });
    owner.hear();
    auto wait = [](Word& word) {
      uint32_t mine = attach_here();
      CHECK(wait_for_ever(word, mine));
      CHECK((word.load() & kDirty) != 0);
    };
    std::thread one(wait, std::ref(s.word)), two(wait, std::ref(s.other));
    check::eventually([&] { return (s.word.load() & s.other.load() & kContended) != 0; }, "both waits");
    owner.kill();
    one.join();
    two.join();
  }
}

TEST("a stopped owner is never robbed") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  Child owner([&](Child& parent) {
    uint32_t mine = attach_here();
    CHECK(lock_try(s.word, mine));
    parent.send(mine);
    parent.hear();
    CHECK_EQUAL(s.word.load() & kOwnerMask, mine);
    lock_release(s.word);
  });
  uint32_t its = owner.receive<uint32_t>();
  owner.signal(SIGSTOP);
  int status;
  CHECK(waitpid(owner.pid(), &status, WUNTRACED) == owner.pid() && WIFSTOPPED(status));
  CHECK(!wait_ms(s.word, me, 500));
  CHECK(!lock_try(s.word, me));
  CHECK_EQUAL(s.word.load(), its | kContended);
  owner.say();
  CHECK(!wait_ms(s.word, me, 50));
  owner.signal(SIGCONT);
  CHECK(wait_for_ever(s.word, me));
  CHECK_EQUAL(s.word.load() & ~kContended, me);  // And not dirty.
  CHECK_EQUAL(owner.join(), 0);
}

TEST("the child of a fork does not own what its parent holds, and the parent's death frees it for the child") {
  Shared& s = *shared();
  attach_here();
  Child owner([&](Child& us) {
    uint32_t mine = attach_here();
    CHECK(lock_try(s.word, mine));
    if (fork() == 0) {
      forget_participant();
      uint32_t its = attach_here();
      CHECK(its != mine && !lock_try(s.word, its) && !wait_ms(s.word, its, 20));
      us.say();
      CHECK(wait_for_ever(s.word, its));
      CHECK((s.word.load() & kDirty) != 0);
      s.count = 1;
      _exit(0);
    }
    pause();
  });
  owner.hear();
  owner.kill();
  check::eventually([&] { return s.count == 1; }, "the grandchild with the lock");
}

TEST("exec frees what the thread held") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  Child owner([&](Child& parent) {
    CHECK(lock_try(s.word, attach_here()));
    parent.say();
    execlp("sleep", "sleep", "60", nullptr);
    _exit(127);
  });
  owner.hear();
  CHECK(wait_for_ever(s.word, me));
  CHECK((s.word.load() & kDirty) != 0);
  CHECK(waitpid(owner.pid(), nullptr, WNOHANG) == 0);
}

TEST("a word that names a participant who never was, or another life of a slot, counts as dead") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  uint32_t strange[] = {owner_id(slot_of(me), generation_of(me) + 1),
                        owner_id(slot_of(me), kMaxGeneration),
                        owner_id(kSlots - 1, 1),
                        owner_id(0, kMaxGeneration),
                        1u,
                        kOwnerMask};
  for (uint32_t id : strange) {
    if (id == me) continue;
    s.word = id | kContended;
    CHECK(wait_for_ever(s.word, me));
    CHECK_EQUAL(s.word.load(), me | kDirty | kContended);
    s.word = 0;
  }
}

TEST("CONTENDED without an owner, which nobody stores, can still be taken") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  s.word = kContended;
  CHECK(lock_try(s.word, me));
  lock_release(s.word);
  s.word = kContended | kDirty;
  CHECK(wait_for_ever(s.word, me));
  CHECK((s.word.load() & kDirty) != 0);
}

TEST("a woken waiter that is killed at once does not strand the one behind it") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  for (int round = 0; round < 30; round++) {
    s.word = 0;
    CHECK(lock_try(s.word, me));
    auto wait = [&](Child& parent) {
      uint32_t mine = attach_here();
      parent.send(mine);
      CHECK(wait_for_ever(s.word, mine));
      lock_release(s.word);
    };
    Child first(wait), second(wait);
    uint32_t ids[] = {first.receive<uint32_t>(), second.receive<uint32_t>()};
    check::eventually([&] { return is_parked(ids[0]) && is_parked(ids[1]); }, "both waits");
    first.signal(SIGSTOP);
    lock_release(s.word);
    first.kill();
    CHECK_EQUAL(second.join(), 0);
  }
}

int main(int argc, char** argv) { return check::main(argc, argv); }
