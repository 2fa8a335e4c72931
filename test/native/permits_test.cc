// Robust permits: the table is the count, so a dead holder's permits are free, and none is lost, doubled or given
// twice.
#include "sync/permits.h"

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

constexpr uint32_t kMost = 200;

struct Shared {
  Word bell{0};
  Word table[kMost] = {};
  std::atomic<uint32_t> holder[kMost] = {};
  std::atomic<int> inside{0};
  std::atomic<int> passed{0};
};

Shared* shared() { return check::make_shared<Shared>(); }

int32_t wait_ms(const Permits& permits, int64_t ms) {
  Target target = {Target::Kind::permits, permits.bell, permits.table, permits.limit, 1};
  int64_t deadline = ms < 0 ? sys::kForever : sys::monotonic_ns() + ms * sys::kMillisecond;
  return wait_until(target, attach_here(), deadline);
}

bool is_parked(uint32_t owner) { return registry()->slots[slot_of(owner)].waits[0].load() != 0; }

}  // namespace

TEST("there are exactly as many as the limit says, for every limit") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  for (uint32_t limit : {1u, 2u, 3u, 127u, 128u, 200u}) {
    Permits permits = {&s.bell, s.table, limit};
    std::vector<bool> seen(limit);
    for (uint32_t i = 0; i < limit; i++) {
      CHECK_EQUAL(permits_free(permits), limit - i);
      int32_t index = permits_try(permits, me);
      CHECK(index >= 0 && static_cast<uint32_t>(index) < limit && !seen[index]);
      seen[index] = true;
    }
    CHECK_EQUAL(permits_try(permits, me), kNoPermit);
    CHECK_EQUAL(wait_ms(permits, 10), kNoPermit);
    for (uint32_t i = 0; i < limit; i++) CHECK(permits_release(permits, me, i) >= 0);
    CHECK_EQUAL(permits_free(permits), limit);
  }
}

TEST("only the holder gives a permit back, and only once") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  Permits permits = {&s.bell, s.table, 2};
  int32_t index = permits_try(permits, me);
  std::thread([&] { CHECK(permits_release(permits, attach_here(), index) < 0); }).join();
  CHECK(permits_release(permits, me, 1 - index) < 0);
  CHECK(permits_release(permits, me, 2) < 0);
  CHECK(permits_release(permits, me, UINT32_MAX) < 0);
  CHECK(permits_release(permits, me, index) >= 0);
  CHECK(permits_release(permits, me, index) < 0);
  CHECK_EQUAL(permits_free(permits), 2u);
}

TEST("the permits of a thread that ended are free again at once") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  Permits permits = {&s.bell, s.table, 3};
  std::thread([&] {
    uint32_t its = attach_here();
    while (permits_try(permits, its) != kNoPermit) continue;
    CHECK_EQUAL(permits_free(permits), 0u);
  }).join();
  CHECK_EQUAL(permits_free(permits), 3u);
  for (int i = 0; i < 3; i++) CHECK(permits_try(permits, me) != kNoPermit);
  CHECK_EQUAL(permits_try(permits, me), kNoPermit);
}

TEST("never more threads inside than permits, no permit given twice, all back in the end") {
  Shared& s = *shared();
  Permits permits = {&s.bell, s.table, 3};
  constexpr int kRounds = check::kThreadSanitizer ? 2'000 : 20'000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; i++) {
    threads.emplace_back([&, i] {
      uint32_t me = attach_here();
      for (int round = 0; round < kRounds; round++) {
        int32_t index = (round + i) % 4 == 0   ? permits_try(permits, me)
                        : (round + i) % 4 == 1 ? wait_ms(permits, 1)
                                               : wait_ms(permits, -1);
        if (index == kNoPermit) continue;
        CHECK(s.inside.fetch_add(1) < 3);
        CHECK_EQUAL(s.holder[index].exchange(me), 0u);
        if (round % 64 == 0) std::this_thread::yield();
        s.holder[index] = 0;
        s.inside.fetch_sub(1);
        CHECK(permits_release(permits, me, static_cast<uint32_t>(index)) >= 0);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK_EQUAL(permits_free(permits), 3u);
}

TEST("a killed holder's permits wake everyone who can have one") {
  Shared& s = *shared();
  attach_here();
  for (uint32_t limit : {1u, 3u, 200u}) {
    Permits permits = {&s.bell, s.table, limit};
    for (int round = 0; round < 10; round++) {
      for (Word& word : s.table) word = 0;
      s.bell = 0;
      s.passed = 0;
      Child holder([&](Child& parent) {
        uint32_t mine = attach_here();
        while (permits_try(permits, mine) != kNoPermit) continue;
        parent.say();
        pause();
      });
      holder.hear();
      std::vector<std::unique_ptr<Child>> waiters;
      for (int i = 0; i < 3; i++) {
        waiters.push_back(std::make_unique<Child>([&](Child& parent) {
          parent.send(attach_here());
          CHECK(wait_ms(permits, -1) != kNoPermit);
          s.passed++;
          parent.hear();
        }));
      }
      for (auto& waiter : waiters) {
        uint32_t id = waiter->receive<uint32_t>();
        check::eventually([&] { return is_parked(id); }, "a parked waiter");
      }
      holder.kill();
      // With one permit they pass it on by ending: the end of a process is a release, too.
      check::eventually([&] { return s.passed >= static_cast<int>(std::min(limit, 3u)); }, "as many as can pass");
      for (auto& waiter : waiters) waiter->say();
      for (auto& waiter : waiters) CHECK_EQUAL(waiter->join(), 0);
      CHECK_EQUAL(s.passed.load(), 3);
      CHECK_EQUAL(permits_free(permits), limit);
    }
  }
}

TEST("a woken waiter that is killed at once does not strand the one behind it") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  Permits permits = {&s.bell, s.table, 1};
  for (int round = 0; round < 20; round++) {
    int32_t index = permits_try(permits, me);
    CHECK(index != kNoPermit);
    auto wait = [&](Child& parent) {
      parent.send(attach_here());
      CHECK(wait_ms(permits, -1) != kNoPermit);
    };
    Child first(wait), second(wait);
    uint32_t ids[] = {first.receive<uint32_t>(), second.receive<uint32_t>()};
    check::eventually([&] { return is_parked(ids[0]) && is_parked(ids[1]); }, "both waits");
    first.signal(SIGSTOP);
    CHECK(permits_release(permits, me, static_cast<uint32_t>(index)) >= 0);
    first.kill();
    CHECK_EQUAL(second.join(), 0);
  }
}

TEST("words that name nobody count as free") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  Permits permits = {&s.bell, s.table, 2};
  s.table[0] = owner_id(slot_of(me), generation_of(me) + 1);
  s.table[1] = kOwnerMask;
  s.bell = UINT32_MAX;
  CHECK_EQUAL(permits_free(permits), 2u);
  CHECK(permits_try(permits, me) != kNoPermit);
  CHECK(wait_ms(permits, -1) != kNoPermit);
  CHECK_EQUAL(permits_free(permits), 0u);
}

int main(int argc, char** argv) { return check::main(argc, argv); }
