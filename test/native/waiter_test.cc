// Waiting by lanes: a few threads win any number of targets for one participant, and giving up leaves nothing behind.
#include "sync/waiter.h"

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "check.h"
#include "sync/lock.h"
#include "sync/registry.h"
#include "sync/semaphore.h"
#include "sys/futex.h"

using namespace multiproc;
using namespace multiproc::sync;
using check::attach_here;
using check::Child;

namespace {

constexpr int kMany = 300;

struct Shared {
  Word locks[kMany] = {};
  Word count{0};
  Word bell{0};
  Word table[4] = {};
  std::atomic<int> inside{0};
};

Shared* shared() { return check::make_shared<Shared>(); }

Target lock_target(Word& word, uint64_t key = 1) { return {Target::Kind::lock, &word, nullptr, 0, key}; }
Target semaphore_target(Word& word) { return {Target::Kind::semaphore, &word, nullptr, 0, 2}; }
Target permits_target(Shared& s, uint32_t limit) { return {Target::Kind::permits, &s.bell, s.table, limit, 3}; }

// A Waiter and what a JavaScript thread does with it: sleep until notified, then drain.
class Party {
 public:
  Party()
      : me(attach_here()),
        waiter_(new Waiter(
            me, [](void* party) { static_cast<Party*>(party)->ring(); }, this)) {}

  uint32_t arm(const Target& target) {
    uint32_t ticket = 0;
    CHECK_EQUAL(waiter_->arm(target, nullptr, &ticket).code, 0);
    CHECK(ticket != 0);
    return ticket;
  }

  // What the ticket won; waits for it.
  int32_t take(uint32_t ticket) {
    check::eventually([&] { return look(ticket); }, "a grant");
    int32_t won = grants_[ticket];
    grants_.erase(ticket);
    return won;
  }

  bool look(uint32_t ticket) {
    std::vector<Grant> grants;
    waiter_->drain(&grants);
    for (const Grant& grant : grants) CHECK(grants_.emplace(grant.ticket, grant.won).second);
    return grants_.count(ticket) != 0;
  }

  int32_t disarm(uint32_t ticket) { return waiter_->disarm(ticket); }
  void close() { waiter_.reset(); }

  const uint32_t me;
  std::atomic<int> rings{0};

 private:
  void ring() { rings++; }

  std::map<uint32_t, int32_t> grants_;
  std::unique_ptr<Waiter> waiter_;
};

int threads_now() {
  int count = 0;
  DIR* folder = opendir("/proc/self/task");
  while (dirent* entry = readdir(folder)) count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

int64_t cpu_ns() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

// A participant that lives until told otherwise.
class Other {
 public:
  Other() : thread_([this] { live(); }) {
    while (id_ == 0) check::nap(1);
  }
  ~Other() { end(); }
  uint32_t id() const { return id_; }
  void end() {
    ended_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  void live() {
    id_ = attach_here();
    while (!ended_) check::nap(10);
  }
  std::atomic<uint32_t> id_{0};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace

TEST("a free target of each kind is won at once") {
  Shared& s = *shared();
  Party party;
  s.count = 1;
  CHECK_EQUAL(party.take(party.arm(lock_target(s.locks[0]))), 0);
  CHECK_EQUAL(s.locks[0].load() & kOwnerMask, party.me);
  CHECK_EQUAL(party.take(party.arm(semaphore_target(s.count))), 0);
  CHECK_EQUAL(s.count.load() & kMaxPermits, 0u);
  int32_t index = party.take(party.arm(permits_target(s, 3)));
  CHECK_EQUAL(s.table[index].load(), party.me);
  CHECK(party.rings > 0);
}

TEST("a held target is won when it is released") {
  Shared& s = *shared();
  Party party;
  Other other;
  CHECK(lock_try(s.locks[0], other.id()));
  Permits permits = {&s.bell, s.table, 1};
  CHECK_EQUAL(permits_try(permits, other.id()), 0);
  uint32_t tickets[] = {party.arm(lock_target(s.locks[0])), party.arm(semaphore_target(s.count)),
                        party.arm(permits_target(s, 1))};
  check::nap(30);
  for (uint32_t ticket : tickets) CHECK(!party.look(ticket));
  lock_release(s.locks[0]);
  semaphore_release(s.count, 1, kMaxPermits);
  CHECK(permits_release(permits, other.id(), 0) >= 0);
  for (uint32_t ticket : tickets) CHECK_EQUAL(party.take(ticket), 0);
}

TEST("targets come when their owner dies, dirty") {
  Shared& s = *shared();
  Party party;
  Other other;
  uint32_t tickets[4];
  for (int i = 0; i < 3; i++) {
    CHECK(lock_try(s.locks[i], other.id()));
    tickets[i] = party.arm(lock_target(s.locks[i]));
  }
  CHECK_EQUAL(permits_try({&s.bell, s.table, 1}, other.id()), 0);
  tickets[3] = party.arm(permits_target(s, 1));
  check::nap(20);
  other.end();
  for (uint32_t ticket : tickets) CHECK_EQUAL(party.take(ticket), 0);
  for (int i = 0; i < 3; i++) CHECK_EQUAL(s.locks[i].load(), party.me | kDirty | kContended);
}

TEST("300 targets take few threads and no CPU time while nothing happens") {
  Shared& s = *shared();
  Other other;
  Party party;
  int before = threads_now();
  std::vector<uint32_t> tickets;
  for (Word& word : s.locks) {
    CHECK(lock_try(word, other.id()));
    tickets.push_back(party.arm(lock_target(word)));
  }
  int lanes = threads_now() - before;
  CHECK_EQUAL(lanes, sys::has_futex_waitv() ? 3 : 1);
  check::nap(50);
  int64_t spent = cpu_ns();
  check::nap(1000);
  spent = cpu_ns() - spent;
  // A tenth of a CPU would be a loop that spins; what is really spent is printed.
  printf("# CPU time of 300 waits: %.2f %%\n", static_cast<double>(spent) / 1e7);
  CHECK(check::kThreadSanitizer || check::kAddressSanitizer || spent < 100 * sys::kMillisecond);
  for (Word& word : s.locks) lock_release(word);
  for (uint32_t ticket : tickets) CHECK_EQUAL(party.take(ticket), 0);
}

TEST("targets of 300 different owners are watched too") {
  if (check::kThreadSanitizer) SKIP("300 threads are slow under the thread sanitizer");
  Shared& s = *shared();
  Party party;
  std::vector<std::unique_ptr<Other>> others;
  std::vector<uint32_t> tickets;
  for (Word& word : s.locks) {
    others.push_back(std::make_unique<Other>());
    CHECK(lock_try(word, others.back()->id()));
    tickets.push_back(party.arm(lock_target(word)));
  }
  others.clear();
  for (uint32_t ticket : tickets) CHECK_EQUAL(party.take(ticket), 0);
}

TEST("several waits for one lock are served one after the other") {
  Shared& s = *shared();
  Party party;
  uint32_t tickets[20];
  for (uint32_t& ticket : tickets) ticket = party.arm(lock_target(s.locks[0]));
  int served = 0;
  bool done[20] = {};
  while (served < 20) {
    check::eventually(
        [&] {
          for (int i = 0; i < 20; i++) {
            if (!done[i] && party.look(tickets[i])) return done[i] = true;
          }
          return false;
        },
        "the next of twenty");
    served++;
    CHECK_EQUAL(s.locks[0].load() & kOwnerMask, party.me);
    CHECK(lock_release(s.locks[0]) != kNotHeld);
  }
  check::eventually([&] { return s.locks[0] == 0; }, "nothing left");
}

TEST("disarming takes a wait back, or hands over what it had won") {
  Shared& s = *shared();
  Party party;
  Other other;
  CHECK(lock_try(s.locks[0], other.id()));
  CHECK_EQUAL(party.disarm(party.arm(lock_target(s.locks[0]))), kNotYet);
  lock_release(s.locks[0]);
  check::nap(20);
  CHECK_EQUAL(s.locks[0].load(), 0u);
  uint32_t ticket = party.arm(lock_target(s.locks[1]));
  check::eventually([&] { return (s.locks[1].load() & kOwnerMask) == party.me; }, "the lock");
  CHECK_EQUAL(party.disarm(ticket), 0);
  CHECK_EQUAL(party.disarm(ticket), kNotYet);
  CHECK_EQUAL(party.disarm(12345), kNotYet);
}

TEST("disarming at any moment loses neither a lock nor a permit") {
  Shared& s = *shared();
  s.count = 2;
  Party party;
  std::atomic<bool> end{false};
  // Three more participants keep the targets moving, so that grants and cancellations meet.
  std::vector<std::thread> others;
  for (int i = 0; i < 3; i++) {
    others.emplace_back([&, i] {
      uint32_t me = attach_here();
      Permits permits = {&s.bell, s.table, 2};
      while (!end) {
        if (i != 0 && wait_until(lock_target(s.locks[0]), me, sys::kForever) == 0) {
          CHECK(s.inside++ == 0);
          s.inside--;
          lock_release(s.locks[0]);
        }
        if (i != 1 && wait_until(semaphore_target(s.count), me, sys::kForever) == 0) {
          CHECK(semaphore_release(s.count, 1, 2) >= 0);
        }
        int32_t index = i != 2 ? wait_until(permits_target(s, 2), me, sys::kForever) : kNotYet;
        if (index != kNotYet) CHECK(permits_release(permits, me, static_cast<uint32_t>(index)) >= 0);
      }
    });
  }
  const Target targets[] = {lock_target(s.locks[0]), semaphore_target(s.count), permits_target(s, 2)};
  // Each round waits for the lane to be given a CPU: with both busy that takes milliseconds.
  int rounds = 2'000, won_late = 0;
  for (int round = 0; round < rounds; round++) {
    const Target& target = targets[round % 3];
    uint32_t ticket = party.arm(target);
    for (int i = 0; i < round % 7 * 10; i++) sched_yield();
    int32_t won = party.disarm(ticket);
    if (won == kNotYet) continue;
    won_late++;
    if (target.kind == Target::Kind::lock) {
      CHECK(s.inside++ == 0);
      s.inside--;
    }
    give_back(target, party.me, won);
  }
  end = true;
  for (auto& other : others) other.join();
  party.close();
  printf("# %d of %d waits had won when they were taken back\n", won_late, rounds);
  CHECK_EQUAL(s.locks[0].load() & kOwnerMask, 0u);
  CHECK_EQUAL(s.count.load() & kMaxPermits, 2u);
  CHECK_EQUAL(permits_free({&s.bell, s.table, 2}), 2u);
}

TEST("closing gives back what was won and never fetched, and ends the threads") {
  Shared& s = *shared();
  s.count = 1;
  std::thread([] {}).join();  // The thread sanitizer starts one of its own beside the first.
  int before = threads_now();
  Party party;
  party.arm(lock_target(s.locks[0]));
  party.arm(lock_target(s.locks[0]));
  party.arm(semaphore_target(s.count));
  party.arm(permits_target(s, 2));
  check::eventually([&] { return s.locks[0] != 0 && s.count == 0 && permits_free({&s.bell, s.table, 2}) == 1; }, "all");
  party.close();
  // A joined thread may still be listed for a moment.
  check::eventually([&] { return threads_now() == before; }, "the end of the lanes");
  CHECK_EQUAL(s.locks[0].load() & kOwnerMask, 0u);
  CHECK_EQUAL(s.count.load() & kMaxPermits, 1u);
  CHECK_EQUAL(permits_free({&s.bell, s.table, 2}), 2u);
  for (auto& wait : registry()->slots[slot_of(party.me)].waits) CHECK_EQUAL(wait.load(), 0u);
}

TEST("lanes of several participants share a lock fairly enough that all get through") {
  Shared& s = *shared();
  constexpr int kRounds = check::kThreadSanitizer ? 300 : 2'000;
  uint64_t plain = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; i++) {
    threads.emplace_back([&] {
      Party party;
      for (int round = 0; round < kRounds; round++) {
        uint32_t ticket = party.arm(lock_target(s.locks[0]));
        while (!party.look(ticket)) sched_yield();
        party.take(ticket);
        CHECK(s.inside++ == 0);
        plain++;
        s.inside--;
        CHECK(lock_release(s.locks[0]) != kNotHeld);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK_EQUAL(plain, 3u * kRounds);
}

TEST("a participant that is killed while its lanes wait and hold leaves everything to be had") {
  Shared& s = *shared();
  uint32_t me = attach_here();
  for (int round = 0; round < 40; round++) {
    for (Word& word : s.locks) word = 0;
    Child child([&](Child& parent) {
      Party party;
      for (int i = 0; i < 10; i++) party.arm(lock_target(s.locks[i % 5]));
      party.arm(permits_target(s, 2));
      parent.say();
      pause();
    });
    child.hear();
    check::nap(round % 3);
    child.kill();
    for (int i = 0; i < 5; i++) CHECK_EQUAL(wait_until(lock_target(s.locks[i]), me, sys::kForever), 0);
    CHECK_EQUAL(permits_free({&s.bell, s.table, 2}), 2u);
  }
}

int main(int argc, char** argv) { return check::main(argc, argv); }
