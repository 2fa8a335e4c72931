// Pipes: each message arrives once and whole, ends are noticed however they come, and words that somebody spoiled are
// answered, never followed.
#include "sync/pipe.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include "check.h"
#include "sync/header.h"
#include "sync/registry.h"
#include "sync/wait.h"

using namespace multiproc;
using namespace multiproc::sync;
using check::attach_here;
using check::Child;

namespace {

using Kind = Target::Kind;
using Message = std::vector<uint8_t>;

constexpr uint64_t kAny = UINT64_MAX;
constexpr uint32_t kFirst = 1u << 30, kLast = 1u << 31;

// A page behind the words that nobody may touch.
PipeWords* new_words(int directions = 2) {
  size_t size = (pipe_size(directions) + 4095) & ~size_t{4095}, spare = size - pipe_size(directions);
  void* memory = mmap(nullptr, size + 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  CHECK_EQUAL(mprotect(static_cast<char*>(memory) + size, 4096, PROT_NONE), 0);
  // As close to that page as cache lines allow.
  return reinterpret_cast<PipeWords*>(static_cast<char*>(memory) + (spare & ~size_t{63}));
}

PipeEnd end_of(PipeWords* words, uint32_t side) { return PipeEnd::of(words, side | 2); }

bool sleep_for(Kind kind, PipeEnd end, uint32_t me, uint32_t needed = 0, int64_t deadline = sys::kForever) {
  uint32_t number = end.side | (end.duplex ? 2 : 0);
  Target target = {kind, &end.in().get.asleep, reinterpret_cast<Word*>(end.words), number, 1, needed};
  return wait_until(target, me, deadline) != kNotYet;
}

PipePut put(PipeEnd end, uint32_t me, const Message& message) {
  uint64_t sent = 0;
  for (;;) {
    PipePut result = pipe_put(end, me, message.data(), message.size(), &sent);
    if (result != PipePut::wait) return result;
    sleep_for(Kind::pipe_writable, end, me, pipe_needed(message.size(), sent));
  }
}

// Waits for the next message; `whole`, `ended`, `too_long` or `damaged`.
PipeTake take(PipeEnd end, uint32_t me, Message* message, uint64_t most = kAny) {
  for (;;) {
    uint8_t buffer[1024];
    uint64_t size = 0, got = 0;
    PipeTake result = pipe_take(end, me, most, buffer, sizeof buffer, &size);
    if (result == PipeTake::wait) {
      sleep_for(Kind::pipe_readable, end, me);
      continue;
    }
    if (result == PipeTake::whole) message->assign(buffer, buffer + size);
    if (result != PipeTake::first) return result;
    message->assign(size, 0);
    do {
      result = pipe_continue(end, me, message->data(), size, size, &got);
      if (result == PipeTake::wait) sleep_for(Kind::pipe_readable, end, me);
    } while (result == PipeTake::wait);
    if (result == PipeTake::whole) return result;
    CHECK(result == PipeTake::dropped);
  }
}

// Says itself who made it and whether it is whole.
Message numbered(uint32_t sender, uint32_t number, size_t size) {
  Message message(std::max<size_t>(size, 8));
  for (size_t i = 0; i < message.size(); i++) message[i] = static_cast<uint8_t>(sender * 31 + number * 7 + i);
  memcpy(message.data(), &sender, 4);
  memcpy(message.data() + 4, &number, 4);
  return message;
}

void check_numbered(const Message& message, uint32_t* sender, uint32_t* number) {
  CHECK(message.size() >= 8);
  memcpy(sender, message.data(), 4);
  memcpy(number, message.data() + 4, 4);
  CHECK(message == numbered(*sender, *number, message.size()));
}

// One piece as a sender would put it, but with the words of our choice.
void forge(PipeDirection& direction, uint32_t size, uint32_t sender, uint64_t total, uint64_t length) {
  uint64_t tail = direction.put.tail.load(), at = tail & (kPipeCapacity - 1);
  memcpy(direction.data + at, &size, 4);
  memcpy(direction.data + at + 4, &sender, 4);
  memcpy(direction.data + at + 8, &total, 8);
  direction.put.tail.store(tail + length);
}

}  // namespace

TEST("messages from nothing to several rings arrive whole and in order, both ways") {
  PipeWords* words = new_words();
  uint32_t me = attach_here();
  PipeEnd mine = end_of(words, 0), other = end_of(words, 1);
  CHECK(pipe_enter(mine, me));
  const size_t sizes[] = {0,
                          1,
                          15,
                          16,
                          17,
                          1024,
                          1025,
                          65535,
                          65536,
                          65537,
                          kPipeCapacity - 16,
                          kPipeCapacity,
                          kPipeCapacity + 1,
                          3 * kPipeCapacity + 5,
                          0,
                          3};
  std::atomic<bool> entered{false};
  std::thread echo([&] {
    uint32_t its = attach_here();
    CHECK(pipe_enter(other, its));
    entered = true;
    Message message;
    while (take(other, its, &message) == PipeTake::whole) CHECK(put(other, its, message) == PipePut::done);
    pipe_leave(other, its);
  });
  check::eventually([&] { return entered.load(); }, "the other end");
  for (int round = 0; round < (check::kThreadSanitizer ? 2 : 10); round++) {
    for (size_t size : sizes) {
      Message message(size), back;
      for (size_t i = 0; i < size; i++) message[i] = static_cast<uint8_t>(i * 13 + size);
      CHECK(put(mine, me, message) == PipePut::done);
      CHECK(take(mine, me, &back) == PipeTake::whole);
      CHECK(back == message);
    }
  }
  pipe_leave(mine, me);
  echo.join();
}

TEST("many threads at both ends: each message comes once, whole, and each sender's in order") {
  PipeWords* words = new_words(1);
  constexpr uint32_t kSenders = 3, kReceivers = 3;
  const uint32_t kEach = check::kThreadSanitizer ? 300 : 2'000;
  PipeEnd in = PipeEnd::of(words, 0), out = PipeEnd::of(words, 1);
  std::vector<std::atomic<uint8_t>> seen(kSenders * kEach);
  std::vector<std::thread> threads;
  std::atomic<uint32_t> ready{0};
  auto meet = [&] {
    ready++;
    while (ready.load() < kSenders + kReceivers) std::this_thread::yield();
  };
  for (uint32_t sender = 0; sender < kSenders; sender++) {
    threads.emplace_back([&, sender] {
      uint32_t me = attach_here();
      std::mt19937 random(sender);
      CHECK(pipe_enter(out, me));
      meet();
      for (uint32_t number = 0; number < kEach; number++) {
        size_t size = number % 50 == 0 ? random() % (3 * kPipeCapacity) : random() % 3'000;
        CHECK(put(out, me, numbered(sender, number, size)) == PipePut::done);
      }
      pipe_leave(out, me);
    });
  }
  for (uint32_t i = 0; i < kReceivers; i++) {
    threads.emplace_back([&] {
      uint32_t me = attach_here();
      CHECK(pipe_enter(in, me));
      meet();
      int64_t last[kSenders] = {-1, -1, -1};
      Message message;
      while (take(in, me, &message) == PipeTake::whole) {
        uint32_t sender, number;
        check_numbered(message, &sender, &number);
        CHECK(sender < kSenders && number < kEach);
        CHECK(last[sender] < number);
        last[sender] = number;
        CHECK_EQUAL(seen[sender * kEach + number].fetch_add(1), 0);
      }
      pipe_leave(in, me);
    });
  }
  for (auto& thread : threads) thread.join();
  for (auto& one : seen) CHECK_EQUAL(one.load(), 1);
}

TEST("a message that is too long stays, and says how long it is") {
  PipeWords* words = new_words();
  uint32_t me = attach_here();
  PipeEnd mine = end_of(words, 0), other = end_of(words, 1);
  CHECK(pipe_enter(mine, me) && pipe_enter(other, me));
  CHECK(put(mine, me, Message(100, 1)) == PipePut::done);
  uint8_t buffer[100];
  uint64_t size = 0, got = 0;
  CHECK(pipe_take(other, me, 99, buffer, sizeof buffer, &size) == PipeTake::too_long);
  CHECK_EQUAL(size, 100u);
  // It fits into no buffer of 10 bytes, but into one made for it.
  CHECK(pipe_take(other, me, kAny, buffer, 10, &size) == PipeTake::first);
  CHECK(pipe_continue(other, me, buffer, size, size, &got) == PipeTake::whole);
  CHECK_EQUAL(got, 100u);
  CHECK(pipe_take(other, me, kAny, buffer, sizeof buffer, &size) == PipeTake::wait);
}

TEST("when the last holder leaves, what was sent is read, then the end; sending is refused") {
  PipeWords* words = new_words();
  uint32_t me = attach_here();
  PipeEnd mine = end_of(words, 0), other = end_of(words, 1);
  CHECK(pipe_enter(mine, me) && pipe_enter(other, me) && pipe_enter(other, me));
  CHECK(put(other, me, {1, 2, 3}) == PipePut::done);
  pipe_leave(other, me);
  CHECK(put(mine, me, {4}) == PipePut::done);
  pipe_leave(other, me);
  CHECK(put(mine, me, {4}) == PipePut::broken);
  Message message;
  CHECK(take(mine, me, &message) == PipeTake::whole);
  CHECK(message == Message({1, 2, 3}));
  CHECK(take(mine, me, &message) == PipeTake::ended);
  CHECK(take(mine, me, &message) == PipeTake::ended);
  // Gone is for good.
  pipe_enter(other, me);
  CHECK(take(mine, me, &message) == PipeTake::ended);
}

TEST("killed holders end the waits of those who receive and of those who send") {
  uint32_t me = attach_here();
  for (bool sending : {false, true}) {
    for (int round = 0; round < 10; round++) {
      PipeWords* words = new_words();
      PipeEnd mine = end_of(words, 0), other = end_of(words, 1);
      CHECK(pipe_enter(mine, me));
      auto hold = [&](Child& parent) {
        CHECK(pipe_enter(other, attach_here()));
        parent.say();
        pause();
      };
      Child first(hold), second(hold);
      first.hear();
      second.hear();
      std::atomic<bool> ended{false};
      std::thread waiter([&] {
        uint32_t its = attach_here();
        Message message(4 * kPipeCapacity);
        if (sending) {
          CHECK(put(mine, its, message) == PipePut::broken);
        } else {
          CHECK(take(mine, its, &message) == PipeTake::ended);
        }
        ended = true;
      });
      check::eventually([&] { return (sending ? mine.out().put.asleep : mine.in().get.asleep).load() != 0; }, "a wait");
      (round % 2 == 0 ? first : second).kill();
      CHECK(!ended.load());
      (round % 2 == 0 ? second : first).kill();
      waiter.join();
      // The lock of the message in part is free again.
      CHECK(put(mine, me, {1}) == PipePut::broken);
    }
  }
}

TEST("a sender that is killed within a large message leaves a pipe that works") {
  uint32_t me = attach_here();
  for (int round = 0; round < 20; round++) {
    PipeWords* words = new_words();
    PipeEnd mine = end_of(words, 0), other = end_of(words, 1);
    CHECK(pipe_enter(mine, me) && pipe_enter(other, me));
    Child sender([&](Child& parent) {
      uint32_t its = attach_here();
      Message message(3 * kPipeCapacity, 7);
      uint64_t sent = 0;
      CHECK(pipe_put(other, its, message.data(), message.size(), &sent) == PipePut::wait);
      CHECK(sent > 0 && sent < message.size());
      parent.say();
      pause();
    });
    sender.hear();
    uint8_t buffer[16];
    uint64_t size = 0, got = 0;
    Message message(3 * kPipeCapacity);
    if (round % 2 == 0) {
      CHECK(pipe_take(mine, me, kAny, buffer, sizeof buffer, &size) == PipeTake::first);
      CHECK_EQUAL(size, message.size());
      CHECK(pipe_continue(mine, me, message.data(), size, size, &got) == PipeTake::wait);
    }
    sender.kill();
    if (round % 2 == 0) {
      sleep_for(Kind::pipe_readable, mine, me);
      CHECK(pipe_continue(mine, me, message.data(), size, size, &got) == PipeTake::dropped);
    }
    std::thread next([&] {
      uint32_t its = attach_here();
      CHECK(put(other, its, {9}) == PipePut::done);
    });
    CHECK(take(mine, me, &message) == PipeTake::whole);
    CHECK(message == Message({9}));
    next.join();
  }
}

TEST("a receiver that is killed within a large message leaves the next ones to others") {
  PipeWords* words = new_words();
  uint32_t me = attach_here();
  PipeEnd mine = end_of(words, 0), other = end_of(words, 1);
  CHECK(pipe_enter(mine, me) && pipe_enter(other, me));
  for (int round = 0; round < 20; round++) {
    std::thread sender([&] {
      uint32_t its = attach_here();
      CHECK(put(other, its, Message(2 * kPipeCapacity, 7)) == PipePut::done);
      CHECK(put(other, its, {5}) == PipePut::done);
    });
    Child receiver([&](Child& parent) {
      uint32_t its = attach_here();
      uint8_t buffer[16];
      uint64_t size = 0, got = 0;
      while (pipe_take(mine, its, kAny, buffer, sizeof buffer, &size) != PipeTake::first) {
        sleep_for(Kind::pipe_readable, mine, its);
      }
      Message message(size);
      pipe_continue(mine, its, message.data(), size, size, &got);
      parent.say();
      pause();
    });
    receiver.hear();
    receiver.kill();
    Message message;
    CHECK(take(mine, me, &message) == PipeTake::whole);
    CHECK(message == Message({5}));
    sender.join();
  }
}

TEST("an end that is handed on over and over is never taken for gone") {
  PipeWords* words = new_words();
  uint32_t me = attach_here();
  PipeEnd mine = end_of(words, 0), other = end_of(words, 1);
  uint32_t ids[2] = {me, 0};
  std::atomic<bool> go{false}, stop{false};
  std::thread second([&] {
    ids[1] = attach_here();
    go = true;
    check::eventually([&] { return stop.load(); }, "the end");
  });
  check::eventually([&] { return go.load(); }, "a second participant");
  CHECK(pipe_enter(mine, me) && pipe_enter(other, ids[0]));
  // Far from the first one in the table, so that looking through it takes as long as handing the end on.
  other.mine().entries[kPipeHolders - 1] = uint64_t{ids[1]} << 32;
  other.mine().used = kPipeHolders;
  std::thread watcher([&] {
    uint32_t its = attach_here();
    uint8_t buffer[1];
    uint64_t size = 0;
    while (!stop) CHECK(pipe_take(mine, its, kAny, buffer, 1, &size) == PipeTake::wait);
  });
  const int rounds = check::kThreadSanitizer ? 10'000 : 200'000;
  for (int round = 0; round < rounds; round++) {
    CHECK(pipe_enter(other, ids[(round + 1) % 2]));
    pipe_leave(other, ids[round % 2]);
  }
  stop = true;
  watcher.join();
  second.join();
}

TEST("whoever sleeps looks again when a holder leaves: it may have watched that one's life") {
  PipeWords* words = new_words();
  uint32_t me = attach_here();
  PipeEnd mine = end_of(words, 0), other = end_of(words, 1);
  CHECK(pipe_enter(mine, me) && pipe_enter(other, me));
  std::thread([&] {
    uint32_t its = attach_here();
    CHECK(pipe_enter(other, its));
    sys::FutexSet set;
    CHECK(!pipe_readable(mine, me, &set));
    CHECK(!pipe_writable(mine, me, kPipeCapacity + 1, &set));
    pipe_leave(other, its);
    CHECK_EQUAL(mine.in().get.asleep.load(), 0u);
    CHECK_EQUAL(mine.out().put.asleep.load(), 0u);
  }).join();
}

TEST("the table of holders has room for all that live, and for those who come after the dead") {
  PipeWords* words = new_words();
  uint32_t me = attach_here();
  PipeEnd mine = end_of(words, 0);
  for (int i = 0; i < kPipeHolders; i++) mine.mine().entries[i] = uint64_t{me} << 32 | 1;
  mine.mine().used = kPipeHolders;
  std::thread([&] {
    uint32_t its = attach_here();
    CHECK(!pipe_enter(mine, its));
    mine.mine().entries[77] = (uint64_t{owner_id(slot_of(its), generation_of(its) + 1)} << 32) | 3;
    CHECK(pipe_enter(mine, its));
    CHECK(pipe_enter(mine, its));
    CHECK_EQUAL(mine.mine().entries[77].load(), uint64_t{its} << 32 | 2);
  }).join();
}

TEST("heads and tails that cannot be are an error for both ends, not a loop or a crash") {
  alarm(60);
  PipeWords* words = new_words();
  uint32_t me = attach_here();
  PipeEnd mine = end_of(words, 0), other = end_of(words, 1);
  CHECK(pipe_enter(mine, me) && pipe_enter(other, me));
  PipeDirection& direction = mine.in();
  const uint64_t bad[][2] = {{0, 16},
                             {1, 0},
                             {8, 0},
                             {kPipeCapacity + 16, 0},
                             {UINT64_MAX, 0},
                             {0, UINT64_MAX - 15},
                             {1u << 31, 0},
                             {uint64_t{1} << 63, 16},
                             {kPipeCapacity, kPipeCapacity - 1},
                             {kPipeCapacity + 15, kPipeCapacity - 1}};
  for (auto& [tail, head] : bad) {
    direction.put.tail = tail;
    direction.get.head = head;
    uint64_t there = tail - head;
    Message message;
    uint64_t sent = 0;
    uint8_t byte = 0;
    bool room = there < kPipeCapacity && head % 16 == 0 && tail % 16 == 0;
    if (!room) CHECK(pipe_put(other, me, &byte, 1, &sent) == PipePut::damaged);
    CHECK(pipe_writable(other, me, 32, nullptr));
    pipe_skip(mine, me);
    if (room) continue;
    CHECK(pipe_readable(mine, me, nullptr));
    CHECK(take(mine, me, &message) == PipeTake::damaged);
    CHECK_EQUAL(direction.get.lock.load(), 0u);
    CHECK_EQUAL(direction.put.lock.load(), 0u);
  }
}

TEST("pieces that cannot be are an error for who receives them") {
  alarm(60);
  uint32_t me = attach_here();
  struct {
    uint32_t size, marks;
    uint64_t total, length;
  } const bad[] = {{1, kFirst | kLast, 1, 16},   {0xffffffff, kFirst | kLast, 0xffffffff, 32},
                   {16, kFirst | kLast, 17, 32}, {16, kFirst, 15, 32},
                   {0xfffffff0, 0, 1, 16},       {kPipeCapacity, kFirst | kLast, kPipeCapacity, kPipeCapacity}};
  for (auto& piece : bad) {
    PipeWords* words = new_words();
    PipeEnd mine = end_of(words, 0), other = end_of(words, 1);
    CHECK(pipe_enter(mine, me) && pipe_enter(other, me));
    // At each place of the ring, also at its very end.
    for (uint64_t start : {uint64_t{0}, uint64_t{kPipeCapacity - 16}}) {
      mine.in().put.tail = mine.in().get.head = start;
      forge(mine.in(), piece.size, me | piece.marks, piece.total, piece.length);
      Message message;
      CHECK(take(mine, me, &message) == PipeTake::damaged);
      pipe_skip(mine, me);
    }
  }
}

TEST("a large message that goes on wrongly is dropped, and one that goes on for ever is not begun") {
  alarm(60);
  uint32_t me = attach_here();
  PipeWords* words = new_words();
  PipeEnd mine = end_of(words, 0), other = end_of(words, 1);
  CHECK(pipe_enter(mine, me) && pipe_enter(other, me));
  PipeDirection& direction = mine.in();
  uint8_t buffer[64];
  uint64_t size = 0, got = 0;
  direction.put.lock = me;
  forge(direction, 16, me | kFirst, 48, 32);
  forge(direction, 48, me, 48, 64);  // more than is left
  CHECK(pipe_take(mine, me, kAny, buffer, sizeof buffer, &size) == PipeTake::first);
  CHECK(pipe_continue(mine, me, buffer, 8, size, &got) == PipeTake::more);
  CHECK_EQUAL(got, 0u);
  CHECK(pipe_continue(mine, me, buffer, size, size, &got) == PipeTake::dropped);
  CHECK_EQUAL(got, 16u);
  direction.put.lock = 0;
  CHECK(pipe_take(mine, me, kAny, buffer, sizeof buffer, &size) == PipeTake::wait);
  // A ring full of pieces of no message is passed over once.
  direction.get.head = 0;
  direction.put.tail = 0;
  memset(direction.data, 0, sizeof direction.data);
  direction.put.tail = kPipeCapacity;
  CHECK(pipe_take(mine, me, kAny, buffer, sizeof buffer, &size) == PipeTake::wait);
  CHECK_EQUAL(direction.get.head.load(), kPipeCapacity);
}

TEST("whatever bytes the words are, receiving and sending answer") {
  alarm(60);
  uint32_t me = attach_here();
  std::mt19937_64 random(7);
  const uint64_t extremes[] = {0,
                               1,
                               15,
                               16,
                               32,
                               kPipeCapacity - 16,
                               kPipeCapacity,
                               kPipeCapacity + 16,
                               UINT64_MAX,
                               UINT32_MAX,
                               uint64_t{1} << 63,
                               me};
  auto any = [&] { return random() % 3 == 0 ? random() : extremes[random() % std::size(extremes)]; };
  PipeWords* words = new_words();
  const int rounds = check::kThreadSanitizer || check::kAddressSanitizer ? 20'000 : 100'000;
  for (int round = 0; round < rounds; round++) {
    PipeEnd end = end_of(words, random() % 2);
    for (PipeHolders& holders : words->holders) {
      holders.gone = random() % 8 == 0;
      holders.used = static_cast<uint32_t>(any());
      holders.entries[random() % 4] = any() << 32 | any() % 4;
      holders.entries[0] = uint64_t{me} << 32 | 1;
    }
    for (PipeDirection& direction : words->direction) {
      direction.put.lock = random() % 2 == 0 ? 0 : static_cast<uint32_t>(any());
      direction.get.lock = random() % 2 == 0 ? 0 : static_cast<uint32_t>(any());
      direction.get.sender = static_cast<uint32_t>(any());
      uint64_t head = any();
      direction.get.head = head;
      direction.put.tail = random() % 2 == 0 ? any() : head + any();
      uint64_t at = head & (kPipeCapacity - 1) & ~uint64_t{7};
      for (int i = 0; i < 2; i++) {
        uint64_t value = any();
        memcpy(direction.data + (at + 8 * i) % kPipeCapacity, &value, 8);
      }
    }
    uint8_t buffer[256] = {};
    uint64_t size = 0, got = 0, sent = 0;
    pipe_skip(end, me);
    if (pipe_take(end, me, kAny, buffer, sizeof buffer, &size) == PipeTake::first) {
      CHECK(pipe_continue(end, me, buffer, sizeof buffer, size, &got) != PipeTake::first);
      CHECK(got <= sizeof buffer);
      pipe_drop(end, me);
    }
    pipe_put(end, me, buffer, sizeof buffer, &sent);
    pipe_abandon(end, me);
    sys::FutexSet set;
    pipe_readable(end, me, &set);
    pipe_writable(end, me, static_cast<uint32_t>(any()), &set);
    pipe_enter(end, me);
    pipe_leave(end, me);
  }
}

TEST("a pipe that outlived its registry has no holders and no locks") {
  uint32_t me = attach_here();
  std::vector<uint64_t> memory((kFirstBlock + sizeof(BlockHeader) + kPipeOffset + pipe_size(2)) / 8 + 8);
  uint8_t* data = reinterpret_cast<uint8_t*>(memory.data());
  data += (64 - reinterpret_cast<uintptr_t>(data) % 64) % 64;
  uint64_t size = kFirstBlock + sizeof(BlockHeader) + kPipeOffset + pipe_size(2);
  init_segment(reinterpret_cast<SegmentHeader*>(data), SegmentKind::object, size, me);
  auto* block = reinterpret_cast<BlockHeader*>(data + kFirstBlock);
  block->flags = 1;
  block->size = kPipeOffset + pipe_size(2);
  block->kind = static_cast<uint32_t>(BlockKind::pipe);
  auto* words = reinterpret_cast<PipeWords*>(data + kFirstBlock + sizeof(BlockHeader) + kPipeOffset);
  for (uint32_t side : {0u, 1u}) CHECK(pipe_enter(end_of(words, side), me));
  for (PipeDirection& direction : words->direction) direction.put.lock = direction.get.lock = me;
  adopt_segment(data, size);
  for (PipeHolders& holders : words->holders) {
    CHECK_EQUAL(holders.used.load(), 0u);
    CHECK_EQUAL(holders.entries[0].load(), uint64_t{0});
  }
  for (PipeDirection& direction : words->direction) {
    CHECK_EQUAL(direction.put.lock.load(), 0u);
    CHECK_EQUAL(direction.get.lock.load(), 0u);
  }
}

int main(int argc, char** argv) { return check::main(argc, argv); }
