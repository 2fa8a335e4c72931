// The counting semaphore: never more holders than permits, no release lost, and nobody forgotten while permits are
// free.
#include "sync/semaphore.h"

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
  std::atomic<int> inside{0};
  std::atomic<int> passed{0};
};

Shared* shared() { return check::make_shared<Shared>(); }

bool wait_ms(Word& word, int64_t ms) {
  Target target = {Target::Kind::semaphore, &word, nullptr, 0, 1};
  int64_t deadline = ms < 0 ? sys::kForever : sys::monotonic_ns() + ms * sys::kMillisecond;
  return wait_until(target, attach_here(), deadline) != kNotYet;
}

}  // namespace

TEST("it counts down to zero and up to its limit") {
  Word word{2};
  CHECK(semaphore_try(word) && semaphore_try(word) && !semaphore_try(word));
  CHECK_EQUAL(word.load(), 0u);
  CHECK(semaphore_release(word, 2, 3) >= 0);
  CHECK(semaphore_release(word, 2, 3) < 0);
  CHECK_EQUAL(word.load(), 2u);
  CHECK(semaphore_release(word, 1, 3) >= 0);
  CHECK(semaphore_release(word, kMaxPermits - 3, kMaxPermits) >= 0);
  CHECK(semaphore_release(word, 1, kMaxPermits) < 0);
  CHECK(semaphore_release(word, kMaxPermits, kMaxPermits) < 0);
  CHECK(semaphore_release(word, UINT32_MAX, kMaxPermits) < 0);
  CHECK_EQUAL(word.load(), kMaxPermits);
}

TEST("a wait ends at its deadline and takes nothing") {
  Shared& s = *shared();
  int64_t before = sys::monotonic_ns();
  CHECK(!wait_ms(s.word, 30));
  CHECK(sys::monotonic_ns() - before >= 30 * sys::kMillisecond);
  CHECK(semaphore_release(s.word, 1, kMaxPermits) >= 0);
  CHECK_EQUAL(s.word.load(), 1u);
  CHECK(wait_ms(s.word, 0));
}

TEST("never more threads inside than permits, and every permit is back in the end") {
  Shared& s = *shared();
  s.word = 3;
  constexpr int kRounds = check::kThreadSanitizer ? 3'000 : 30'000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; i++) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; round++) {
        if ((round + i) % 4 == 0) {
          if (!semaphore_try(s.word)) continue;
        } else if ((round + i) % 4 == 1) {
          if (!wait_ms(s.word, 1)) continue;
        } else {
          CHECK(wait_ms(s.word, -1));
        }
        CHECK(s.inside.fetch_add(1) < 3);
        if (round % 64 == 0) std::this_thread::yield();
        s.inside.fetch_sub(1);
        CHECK(semaphore_release(s.word, 1, 3) >= 0);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK_EQUAL(s.word.load() & kMaxPermits, 3u);
}

TEST("each release lets one more pass, in whatever portions they come") {
  Shared& s = *shared();
  constexpr int kWaiters = 5, kRounds = 60;
  std::vector<std::unique_ptr<Child>> children;
  for (int i = 0; i < kWaiters; i++) {
    children.push_back(std::make_unique<Child>([&](Child&) {
      for (int round = 0; round < kRounds; round++) {
        CHECK(wait_ms(s.word, -1));
        s.passed++;
      }
    }));
  }
  for (int given = 0; given < kWaiters * kRounds;) {
    uint32_t portion = static_cast<uint32_t>(std::min(given % 4 + 1, kWaiters * kRounds - given));
    CHECK(semaphore_release(s.word, portion, kMaxPermits) >= 0);
    given += static_cast<int>(portion);
    if (given % 3 == 0) check::eventually([&] { return s.passed == given; }, "everyone who was let in");
    CHECK(s.passed.load() <= given);
  }
  for (auto& child : children) CHECK_EQUAL(child->join(), 0);
  CHECK_EQUAL(s.word.load() & kMaxPermits, 0u);
}

TEST("a woken waiter that is killed at once does not strand the one behind it") {
  Shared& s = *shared();
  attach_here();
  for (int round = 0; round < 20; round++) {
    s.word = 0;
    auto wait = [&](Child& parent) {
      parent.send(attach_here());
      CHECK(wait_ms(s.word, -1));
    };
    Child first(wait), second(wait);
    for (Child* child : {&first, &second}) {
      Slot& slot = registry()->slots[slot_of(child->receive<uint32_t>())];
      check::eventually([&] { return slot.waits[0].load() != 0; }, "a parked waiter");
    }
    first.signal(SIGSTOP);
    CHECK(semaphore_release(s.word, 1, kMaxPermits) >= 0);
    first.kill();
    CHECK_EQUAL(second.join(), 0);
  }
}

int main(int argc, char** argv) { return check::main(argc, argv); }
