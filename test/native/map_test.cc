// The slots of values that are being computed: each waiter is free when the computation ends, or when its owner dies,
// however it dies; and the locks of a map whose registry is gone.
#include "sync/map.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "check.h"
#include "sync/owner.h"
#include "sync/registry.h"
#include "sync/wait.h"

using namespace multiproc;
using namespace multiproc::sync;
using check::attach_here;
using check::Child;

namespace {

struct Shared {
  MapSlot slot{};
  std::atomic<int> computed{0};
};

Shared* shared() { return check::make_shared<Shared>(); }

bool is_parked(uint32_t owner) { return registry()->slots[slot_of(owner)].waits[0].load() != 0; }

bool wait_ms(MapSlot& slot, uint32_t turn, int64_t ms) {
  Target target = {Target::Kind::computation, &slot.turn, nullptr, 0, 1, turn};
  int64_t deadline = ms < 0 ? sys::kForever : sys::monotonic_ns() + ms * sys::kMillisecond;
  return wait_until(target, attach_here(), deadline) != kNotYet;
}

uint32_t turn_of(MapSlot& slot) { return slot.turn.load() & ~kMapParked; }

}  // namespace

TEST("a free slot, another turn and an owner that is no participant let waiters pass at once") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  CHECK(wait_ms(s.slot, 0, -1));
  s.slot.owner = me;
  CHECK(!wait_ms(s.slot, 0, 1));
  CHECK_EQUAL(s.slot.turn.load(), kMapParked);
  CHECK(wait_ms(s.slot, 1, -1));
  for (uint32_t stranger : {owner_id(slot_of(me), generation_of(me) + 1), kOwnerMask, kSlots - 1}) {
    s.slot.owner = stranger;
    CHECK(wait_ms(s.slot, 0, -1));
  }
}

TEST("raising the turn counts, drops the mark of those who are parked, and leaves the mark alone at its end") {
  Shared& s = *shared();
  map_raise(s.slot);
  CHECK_EQUAL(s.slot.turn.load(), 1u);
  s.slot.turn = kMapParked | 7;
  map_raise(s.slot);
  CHECK_EQUAL(s.slot.turn.load(), 8u);
  s.slot.turn = kMapParked - 1;
  map_raise(s.slot);
  CHECK_EQUAL(turn_of(s.slot), 0u);
}

TEST("threads that wait are woken by the end of each computation") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  s.slot.owner = me;
  constexpr int kRounds = 200;
  std::vector<std::thread> waiters;
  for (int i = 0; i < 3; i++) {
    waiters.emplace_back([&] {
      for (;;) {
        uint32_t turn = turn_of(s.slot);
        if (turn >= kRounds) return;
        CHECK(wait_ms(s.slot, turn, -1));
      }
    });
  }
  for (int i = 0; i < kRounds; i++) map_raise(s.slot);
  for (std::thread& waiter : waiters) waiter.join();
  CHECK_EQUAL(turn_of(s.slot), static_cast<uint32_t>(kRounds));
}

TEST("waiters of other processes are woken by the end of a computation and by the death of its owner") {
  for (bool dies : {false, true}) {
    Shared& s = *shared();
    attach_here();
    Child owner([&](Child& parent) {
      s.slot.owner = attach_here();
      parent.say();
      parent.hear();
      s.slot.owner = 0;
      map_raise(s.slot);
      parent.say();
      parent.hear();
    });
    owner.hear();
    std::vector<std::unique_ptr<Child>> waiters;
    for (int i = 0; i < 3; i++) {
      waiters.push_back(std::make_unique<Child>([&](Child& parent) {
        parent.send(attach_here());
        CHECK(wait_ms(s.slot, 0, -1));
        s.computed++;
      }));
    }
    for (auto& waiter : waiters) {
      uint32_t id = waiter->receive<uint32_t>();
      check::eventually([&] { return is_parked(id); }, "a parked waiter");
    }
    if (dies) {
      owner.kill();
    } else {
      owner.say();
      owner.hear();
    }
    for (auto& waiter : waiters) CHECK_EQUAL(waiter->join(), 0);
    CHECK_EQUAL(s.computed.load(), 3);
  }
}

TEST("adopted maps have free and dirty locks and no computations, whatever their words say") {
  for (uint32_t bits : {0u, 3u, kMostMapShardBits, UINT32_MAX}) {
    std::vector<uint32_t> memory(kMapSize / 4 + 1, UINT32_MAX);
    memory[kMapHead / 4 + 2] = bits;
    memory.back() = 42;
    map_adopt(reinterpret_cast<uint8_t*>(memory.data()));
    CHECK_EQUAL(memory[kMapHead / 4], kDirty);
    uint32_t shards = 1u << (bits > kMostMapShardBits ? kMostMapShardBits : bits);
    for (uint32_t i = 0; i < (1u << kMostMapShardBits); i++) {
      uint32_t wanted = i < shards ? kDirty : UINT32_MAX;
      CHECK_EQUAL(memory[(kMapShards + uint64_t{i} * kMapShardSize) / 4], wanted);
    }
    for (uint32_t i = 0; i < kMapSlotCount; i++) CHECK_EQUAL(memory[kMapSlots / 4 + i * 4 + 1], 0u);
    CHECK_EQUAL(memory.back(), 42u);
  }
}

int main(int argc, char** argv) { return check::main(argc, argv); }
