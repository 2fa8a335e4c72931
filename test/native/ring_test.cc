// Sleeping at a ring: whoever waits goes on when it can, and words that cannot be are answered.
#include "sync/ring.h"

#include <iterator>
#include <memory>
#include <random>
#include <thread>

#include "check.h"
#include "sync/registry.h"
#include "sync/wait.h"

using namespace multiproc;
using namespace multiproc::sync;
using check::Child;

namespace {

RingWords* new_ring() { return check::make_shared<RingWords>(); }

bool wait_for(RingWords& ring, RingWait wait, uint32_t argument, int64_t deadline = sys::kForever) {
  uint32_t me = 0;
  CHECK_EQUAL(attach(&me).code, 0);
  auto kind = static_cast<Target::Kind>(static_cast<uint32_t>(Target::Kind::ring_items) + static_cast<uint32_t>(wait));
  Target target = {kind, &ring_sleepers(ring, wait), reinterpret_cast<Word*>(&ring), 0, 1, argument};
  return wait_until(target, me, deadline) != kNotYet;
}

// What the writing side does in JavaScript once it has stored a count.
void wake(Word& asleep) {
  if (asleep.load() == 0) return;
  asleep.store(0);
  sys::futex_wake(&asleep, 1);
}

}  // namespace

TEST("what can be waited for: items, takes, acknowledgements, and the end of either") {
  RingWords& ring = *new_ring();
  CHECK_EQUAL(ring_surplus(ring, RingWait::items, 0), 0);
  ring.put.count = 3;
  CHECK_EQUAL(ring_surplus(ring, RingWait::items, 0), 3);
  CHECK_EQUAL(ring_surplus(ring, RingWait::items, 3), 0);
  CHECK_EQUAL(ring_surplus(ring, RingWait::taken, 0), 0);
  ring.get.count = 2;
  CHECK_EQUAL(ring_surplus(ring, RingWait::taken, 0), 2);
  CHECK(ring_surplus(ring, RingWait::done, 0) <= 0);
  ring.facts.done = 3;
  CHECK_EQUAL(ring_surplus(ring, RingWait::done, 0), 1);
  ring.get.count = 3;
  ring.facts.state = kRingEnded;
  CHECK(ring_surplus(ring, RingWait::items, 0) > 0);
  CHECK(ring_surplus(ring, RingWait::taken, 3) <= 0);
  ring.facts.state = kRingBroken;
  CHECK(ring_surplus(ring, RingWait::taken, 3) > 0);
  // Counts go round.
  ring.facts.state = 0;
  ring.get.count = UINT32_MAX;
  ring.put.count = 1;
  CHECK_EQUAL(ring_surplus(ring, RingWait::items, 0), 2);
}

TEST("every sleeper goes on that can, when each item brings one wake-up, and whoever is woken may be killed") {
  for (int round = 0; round < 10; round++) {
    RingWords& ring = *new_ring();
    auto body = [&](Child& parent) {
      parent.say();
      CHECK(wait_for(ring, RingWait::items, 0));
    };
    Child first(body), second(body), third(body);
    for (Child* child : {&first, &second, &third}) child->hear();
    check::eventually([&] { return ring.facts.getters_asleep.load() != 0; }, "a sleeper");
    first.signal(SIGSTOP);
    ring.put.count.fetch_add(1);
    wake(ring.facts.getters_asleep);
    first.kill();
    CHECK_EQUAL(second.join(), 0);
    CHECK_EQUAL(third.join(), 0);
  }
}

TEST("a wait at an empty ring ends at its deadline") {
  RingWords& ring = *new_ring();
  int64_t deadline = sys::monotonic_ns() + 10 * sys::kMillisecond;
  CHECK(!wait_for(ring, RingWait::items, 0, deadline));
  CHECK(sys::monotonic_ns() >= deadline);
  CHECK(!ring_look(ring, RingWait::taken, 0));
}

TEST("threads that count up and threads that wait for it all come to the end") {
  RingWords& ring = *new_ring();
  constexpr uint32_t kItems = check::kThreadSanitizer ? 2'000 : 20'000;
  std::thread putter([&] {
    for (uint32_t i = 0; i < kItems; i++) {
      CHECK(i < 8 || wait_for(ring, RingWait::taken, i - 8));
      ring.put.count.fetch_add(1);
      wake(ring.facts.getters_asleep);
    }
  });
  for (uint32_t i = 0; i < kItems; i++) {
    CHECK(wait_for(ring, RingWait::items, 0));
    ring.get.count.fetch_add(1);
    wake(ring.facts.putters_asleep);
  }
  putter.join();
}

TEST("whatever the words of a ring are, looking, sleeping and waking answer, and touch nothing but the words") {
  alarm(120);
  uint32_t me = 0;
  CHECK_EQUAL(attach(&me).code, 0);
  // No byte lies behind the words: what reads on is found by the sanitizer, or ends here.
  std::unique_ptr<RingWords> ring(new RingWords());
  auto* words = reinterpret_cast<Word*>(ring.get());
  constexpr size_t kWords = sizeof(RingWords) / sizeof(Word);
  const uint32_t hostile[] = {1, 2, 3, me, kDirty, kDirty | me, kContended, 0x7fffffff, 0x80000000, UINT32_MAX, 0x1000};
  std::mt19937 random(11);
  auto answers = [&] {
    for (RingWait wait : {RingWait::items, RingWait::taken, RingWait::done}) {
      for (uint32_t argument : {0u, 1u, UINT32_MAX, 0x80000000u}) {
        int32_t surplus = ring_surplus(*ring, wait, argument);
        sys::FutexSet set;
        // Nobody changes the words meanwhile: an attempt tells the same.
        CHECK_EQUAL(ring_attempt(*ring, wait, argument, false, &set), surplus > 0);
        ring_attempt(*ring, wait, argument, true, &set);
        if (surplus > 0) CHECK(wait_for(*ring, wait, argument, 0));
      }
    }
  };
  for (size_t word = 0; word < kWords; word++) {
    for (uint32_t value : hostile) {
      for (size_t i = 0; i < kWords; i++) words[i].store(0);
      words[word].store(value);
      answers();
    }
  }
  // A deadline ends every wait, also where all words are damaged.
  for (int round = 0; round < 300; round++) {
    for (size_t i = 0; i < kWords; i++) {
      words[i].store(random() % 2 == 0 ? static_cast<uint32_t>(random()) : hostile[random() % std::size(hostile)]);
    }
    answers();
    auto wait = static_cast<RingWait>(random() % 3);
    wait_for(*ring, wait, static_cast<uint32_t>(random()), sys::monotonic_ns() + 100'000);
  }
}

int main(int argc, char** argv) { return check::main(argc, argv); }
