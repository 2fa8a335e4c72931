// The barrier's entries: as many pass together as there are parties, and whoever dies or gives up breaks it for the
// rest.
#include "sync/barrier.h"

#include <sys/mman.h>

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

Barrier make(uint32_t parties) {
  size_t size = sizeof(BarrierWords) + barrier_entries_size(parties);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  return {static_cast<BarrierWords*>(memory), parties};
}

Target target(const Barrier& barrier, Target::Kind kind, uint32_t tag) {
  Word* words = reinterpret_cast<Word*>(barrier.words);
  return {kind, words, words, barrier.parties, 1, tag};
}

int32_t wait_ms(const Barrier& barrier, uint32_t tag, int64_t ms) {
  int64_t deadline = ms < 0 ? sys::kForever : sys::monotonic_ns() + ms * sys::kMillisecond;
  return wait_until(target(barrier, Target::Kind::barrier, tag), attach_here(), deadline);
}

Arrival arrive(const Barrier& barrier) {
  uint32_t me = attach_here();
  for (;;) {
    Arrival arrival = barrier_arrive(barrier, me);
    if (arrival.kind != Arrival::Kind::crowded) return arrival;
    wait_until(target(barrier, Target::Kind::barrier_room, 0), me, sys::kForever);
  }
}

// A whole passage: the index, or −1 for a broken barrier.
int32_t pass(const Barrier& barrier) {
  uint32_t me = attach_here();
  Arrival arrival = arrive(barrier);
  if (arrival.kind == Arrival::Kind::broken) return -1;
  int32_t outcome = arrival.index == barrier.parties - 1 ? barrier_complete(barrier, me, arrival.tag)
                                                         : wait_ms(barrier, arrival.tag, -1);
  barrier_leave(barrier, me, arrival.tag, arrival.index);
  return outcome == kBarrierPassed ? static_cast<int32_t>(arrival.index) : -1;
}

}  // namespace

TEST("the last of the parties ends the generation for all of them") {
  Barrier barrier = make(3);
  uint32_t me = attach_here();
  for (uint32_t round = 0; round < 5; round++) {
    Arrival arrivals[3];
    for (uint32_t i = 0; i < 3; i++) {
      CHECK_EQUAL(barrier_waiting(barrier), i);
      arrivals[i] = barrier_arrive(barrier, me);
      CHECK(arrivals[i].kind == Arrival::Kind::arrived);
      CHECK_EQUAL(arrivals[i].index, i);
      CHECK_EQUAL(arrivals[i].tag, round + 2);
    }
    CHECK_EQUAL(wait_ms(barrier, arrivals[0].tag, 5), kNotYet);
    CHECK(barrier_arrive(barrier, me).kind == Arrival::Kind::crowded);
    CHECK_EQUAL(barrier_complete(barrier, me, arrivals[2].tag), kBarrierPassed);
    for (const Arrival& each : arrivals) {
      CHECK_EQUAL(wait_ms(barrier, each.tag, -1), kBarrierPassed);
      CHECK_EQUAL(barrier_give_up(barrier, me, each.tag), kBarrierPassed);
      barrier_leave(barrier, me, each.tag, each.index);
    }
  }
}

TEST("whoever gives up breaks it until a reset") {
  Barrier barrier = make(2);
  uint32_t me = attach_here();
  Arrival first = barrier_arrive(barrier, me);
  CHECK_EQUAL(barrier_give_up(barrier, me, first.tag), kBarrierBroken);
  CHECK_EQUAL(barrier_waiting(barrier), -1);
  CHECK(barrier_arrive(barrier, me).kind == Arrival::Kind::broken);
  CHECK_EQUAL(barrier_complete(barrier, me, first.tag), kBarrierBroken);
  barrier_reset(barrier);
  CHECK_EQUAL(barrier_outcome(barrier, me, first.tag), kBarrierBroken);
  barrier_leave(barrier, me, first.tag, first.index);
  CHECK_EQUAL(barrier_waiting(barrier), 0);
  uint32_t tag = barrier_arrive(barrier, me).tag;
  CHECK_EQUAL(tag, first.tag + 1);
  barrier_reset(barrier);
  CHECK_EQUAL(barrier_outcome(barrier, me, tag), kBarrierBroken);
  barrier_reset(barrier);
  CHECK_EQUAL(barrier_arrive(barrier, me).tag, tag + 1);
}

TEST("an outcome is known however many resets follow, and the entry is not used before it was read") {
  for (bool broken : {false, true}) {
    Barrier barrier = make(2);
    uint32_t me = attach_here();
    Arrival late = barrier_arrive(barrier, me), other = barrier_arrive(barrier, me);
    if (broken) {
      barrier_abort(barrier);
      barrier_reset(barrier);
    } else {
      CHECK_EQUAL(barrier_complete(barrier, me, other.tag), kBarrierPassed);
    }
    barrier_leave(barrier, me, other.tag, other.index);
    for (int i = 0; i < 7; i++) {
      barrier_abort(barrier);
      barrier_reset(barrier);
      CHECK_EQUAL(barrier_outcome(barrier, me, late.tag), broken ? kBarrierBroken : kBarrierPassed);
      // The bank of `late` comes every second time.
      Arrival next = barrier_arrive(barrier, me);
      CHECK(next.kind == (i % 2 == 0 ? Arrival::Kind::crowded : Arrival::Kind::arrived));
      if (i % 2 == 1) barrier_leave(barrier, me, next.tag, next.index);
    }
    sys::FutexSet set;
    CHECK(!barrier_has_room(barrier, me, &set));
    barrier_leave(barrier, me, late.tag, late.index);
    CHECK(barrier_has_room(barrier, me, &set));
  }
}

TEST("an arrival that comes after the reset of its generation is broken") {
  Barrier barrier = make(3);
  uint32_t me = attach_here();
  // As barrier_arrive leaves it when the thread is stopped between looking at the state and claiming its entry.
  barrier_arrive(barrier, me);
  barrier_reset(barrier);
  uint64_t free = 0;
  CHECK(barrier.bank(2)[1].compare_exchange_strong(free, uint64_t{2} << 32 | me));
  for (int i = 0; i < 4; i++) {
    CHECK_EQUAL(barrier_outcome(barrier, me, 2), kBarrierBroken);
    barrier_abort(barrier);
    barrier_reset(barrier);
  }
}

TEST("a party that is killed in its sleep breaks it for those who wait, and for those who come") {
  for (int order = 0; order < 2; order++) {
    Barrier barrier = make(4);
    auto wait = [barrier](Child& child) {
      Arrival arrival = arrive(barrier);
      child.say('w');
      child.say(wait_ms(barrier, arrival.tag, -1) == kBarrierBroken ? 'b' : 'p');
    };
    Child first(wait);
    CHECK_EQUAL(first.hear(), 'w');
    check::nap(20);
    Child second(wait);
    CHECK_EQUAL(second.hear(), 'w');
    check::nap(20);
    // Whoever comes later is watched, too.
    Child& killed = order == 0 ? first : second;
    Child& other = order == 0 ? second : first;
    killed.kill();
    CHECK_EQUAL(other.hear(), 'b');
    CHECK_EQUAL(pass(barrier), -1);
  }
  Barrier barrier = make(3);
  Child only([barrier](Child& child) {
    arrive(barrier);
    child.say('w');
    child.hear();
  });
  CHECK_EQUAL(only.hear(), 'w');
  CHECK_EQUAL(barrier_waiting(barrier), 1);
  only.kill();
  CHECK_EQUAL(barrier_waiting(barrier), -1);
}

TEST("the last one breaks it instead of passing with a dead party") {
  Barrier barrier = make(2);
  Child dead([barrier](Child& child) {
    arrive(barrier);
    child.say('w');
    child.hear();
  });
  CHECK_EQUAL(dead.hear(), 'w');
  Arrival last = arrive(barrier);
  CHECK_EQUAL(last.index, 1);
  dead.kill();
  CHECK_EQUAL(barrier_complete(barrier, attach_here(), last.tag), kBarrierBroken);
}

TEST("one that dies when all have arrived, before it lets them go, breaks it") {
  Barrier barrier = make(2);
  Arrival mine = arrive(barrier);
  Child last([barrier](Child& child) {
    Arrival arrival = arrive(barrier);
    child.say(arrival.index == 1 ? 'l' : 'x');
    child.hear();
  });
  CHECK_EQUAL(last.hear(), 'l');
  CHECK_EQUAL(wait_ms(barrier, mine.tag, 5), kNotYet);
  last.kill();
  CHECK_EQUAL(wait_ms(barrier, mine.tag, -1), kBarrierBroken);
}

TEST("threads pass round after round together, also with more threads than parties") {
  for (uint32_t extra : {0u, 3u}) {
    constexpr uint32_t kParties = 3, kRounds = 400;
    Barrier barrier = make(kParties);
    std::atomic<uint32_t> passages{0}, begun{0}, indices[kParties] = {};
    std::vector<std::thread> threads;
    uint32_t count = kParties + extra;
    for (uint32_t i = 0; i < count; i++) {
      threads.emplace_back([&] {
        // Of more threads than parties each takes as many rounds as it gets.
        for (uint32_t round = 0; extra == 0 ? round < kRounds : begun++ < kRounds * kParties; round++) {
          int32_t index = pass(barrier);
          CHECK(index >= 0);
          indices[index]++;
          passages++;
          // Nobody is a round ahead of the others.
          if (extra == 0) CHECK(passages.load() > round * kParties);
        }
      });
    }
    for (auto& thread : threads) thread.join();
    for (auto& each : indices) CHECK_EQUAL(each.load(), kRounds);
    CHECK_EQUAL(barrier_waiting(barrier), 0);
  }
}

int main(int argc, char** argv) { return check::main(argc, argv); }
