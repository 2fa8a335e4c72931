// The event word: a set frees everybody who waited before it, whatever follows, and nobody else.
#include "sync/event.h"

#include <atomic>
#include <thread>

#include "check.h"
#include "sync/registry.h"
#include "sync/wait.h"

using namespace multiproc;
using namespace multiproc::sync;
using check::Child;

namespace {

struct Shared {
  Word word{0};
  std::atomic<uint32_t> waiting{0};
  std::atomic<uint32_t> freed{0};
  std::atomic<uint32_t> rounds{0};
};

Shared* shared() { return check::make_shared<Shared>(); }

bool wait_since(Word& word, uint32_t before, int64_t ms) {
  uint32_t me = 0;
  CHECK_EQUAL(attach(&me).code, 0);
  Target target = {Target::Kind::event, &word, nullptr, 0, 1, before};
  int64_t deadline = ms < 0 ? sys::kForever : sys::monotonic_ns() + ms * sys::kMillisecond;
  return wait_until(target, me, deadline) != kNotYet;
}

}  // namespace

TEST("a wait is over once the event is set or was set since") {
  Word word{0};
  uint32_t before = word.load();
  CHECK(!event_happened(word, before));
  event_set(word);
  CHECK(event_happened(word, before));
  uint32_t set = word.load();
  event_set(word);
  CHECK_EQUAL(word.load(), set);
  event_clear(word);
  CHECK(event_happened(word, before));
  CHECK(!event_happened(word, word.load()));
}

TEST("the generation wraps around without touching its neighbours") {
  Word word{kEventGeneration | kEventParked};
  uint32_t before = word.load();
  event_set(word);
  CHECK_EQUAL(word.load(), kEventSet);
  event_clear(word);
  CHECK(event_happened(word, before));
}

TEST("a parked waiter marks the word, and a set takes the mark away") {
  Word word{0};
  sys::FutexSet set;
  CHECK(!event_attempt(word, 0, &set));
  CHECK_EQUAL(word.load(), kEventParked);
  CHECK_EQUAL(set.expected(0), kEventParked);
  event_set(word);
  CHECK_EQUAL(word.load() & kEventParked, 0u);
  CHECK(event_attempt(word, 0, &set));
}

TEST("set and clear at once free everybody, round after round") {
  Shared* data = shared();
  constexpr uint32_t kRounds = 300, kWaiters = 3;
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kWaiters; i++) {
    threads.emplace_back([data] {
      for (uint32_t round = 0; round < kRounds; round++) {
        uint32_t before = data->word.load();
        data->waiting++;
        CHECK(wait_since(data->word, before, -1));
        data->freed++;
        // Before the clear, the next wait would not wait.
        while (data->rounds.load() <= round) check::nap(1);
      }
    });
  }
  for (uint32_t round = 0; round < kRounds; round++) {
    while (data->waiting.load() < (round + 1) * kWaiters) check::nap(1);
    event_set(data->word);
    event_clear(data->word);
    int64_t deadline = sys::monotonic_ns() + 20'000 * sys::kMillisecond;
    while (data->freed.load() < (round + 1) * kWaiters && sys::monotonic_ns() < deadline) check::nap(1);
    CHECK_EQUAL(data->freed.load(), (round + 1) * kWaiters);
    data->rounds++;
  }
  for (auto& thread : threads) thread.join();
}

TEST("a waiter that is killed in its sleep leaves the others their wake-up") {
  Shared* data = shared();
  auto wait = [data](Child& child) {
    uint32_t before = data->word.load();
    child.say('w');
    child.say(wait_since(data->word, before, -1) ? 'y' : 'n');
  };
  Child killed(wait), other(wait);
  CHECK_EQUAL(killed.hear(), 'w');
  CHECK_EQUAL(other.hear(), 'w');
  check::nap(20);
  killed.kill();
  event_set(data->word);
  CHECK_EQUAL(other.hear(), 'y');
  CHECK_EQUAL(other.join(), 0);
}

int main(int argc, char** argv) { return check::main(argc, argv); }
