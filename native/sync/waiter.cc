// Waiting without blocking: threads of our own that sleep for many targets at once and win them for a JavaScript
// thread.
#include "sync/waiter.h"

#include <errno.h>
#include <pthread.h>

#include <mutex>

#include "sync/registry.h"
#include "sys/clock.h"
#include "sys/fork_members.h"
#include "sys/thread.h"

namespace multiproc::sync {

namespace {

constexpr size_t kLaneTargets = sys::FutexSet::kMost - 2;  // beside the doorbell and one life word
constexpr int64_t kPoll = 10 * sys::kMillisecond;

// Putting 128 words into one sleep and taking them out again costs the kernel some 100 µs. A lane for which nothing has
// changed looks less often: after each look a bit later, up to four times as long, or twice without futex_waitv.
int64_t longest_sleep(bool crowded, int quiet_rounds) {
  if (!sys::has_futex_waitv() || crowded) return kPoll * (quiet_rounds < 100 ? 1 : 2);
  return sys::longest_park_ns() * (1 + (quiet_rounds < 3 ? quiet_rounds : 3));
}

struct Entry {
  uint32_t ticket;
  Target target;
  std::shared_ptr<sys::Mapping> memory;  // stays mapped while a lane may look at the target
  bool wanted = true;
  bool parked = false;
};

}  // namespace

class Lane {
 public:
  explicit Lane(Waiter::State* waiter) : waiter_(waiter) {}

  sys::Failure start();
  void ring();
  void join();
  void run();

  std::vector<Entry> entries;  // guarded by the waiter's mutex

 private:
  // One look at every target: fills `set` with what to sleep on. True if something was won.
  bool look(sys::FutexSet* set);

  Waiter::State* waiter_;
  Word doorbell_{0};
  pthread_t thread_{};
};

class Waiter::State {
 public:
  std::mutex mutex;
  std::vector<std::unique_ptr<Lane>> lanes;
  std::vector<std::pair<Grant, Target>> granted;
  uint32_t owner = 0;
  uint32_t next_ticket = 1;
  bool stopping = false;
  void (*notify)(void*) = nullptr;
  void* context = nullptr;

  uint32_t ticket() {
    uint32_t ticket = next_ticket++;
    if (next_ticket == 0) next_ticket = 1;
    return ticket;
  }

  // The threads do not exist here, and what they waited for or won is the parent's.
  void forget() {
    lanes.clear();
    granted.clear();
  }
};

sys::Failure Lane::start() {
  auto main = [](void* lane) -> void* {
    static_cast<Lane*>(lane)->run();
    return nullptr;
  };
  return sys::start_thread(main, this, &thread_);
}

void Lane::ring() {
  doorbell_.fetch_add(1);
  sys::futex_wake(&doorbell_, 1);
}

void Lane::join() { pthread_join(thread_, nullptr); }

bool Lane::look(sys::FutexSet* set) {
  bool won_something = false;
  for (size_t i = 0; i < entries.size();) {
    Entry& entry = entries[i];
    if (entry.wanted) {
      int32_t won = attempt(entry.target, waiter_->owner, entry.parked, set);
      entry.parked = true;
      if (won == kNotYet) {
        i++;
        continue;
      }
      // The thread that it is for may be busy for long; somebody else who sleeps may be quicker.
      if (entry.target.is_ring()) pass_wake_on(entry.target);
      waiter_->granted.push_back({{entry.ticket, won}, entry.target});
      won_something = true;
    } else {
      pass_wake_on(entry.target);
    }
    hide_wait(waiter_->owner, entry.target.key);
    entries[i] = std::move(entries.back());
    entries.pop_back();
  }
  return won_something;
}

void Lane::run() {
  sys::FutexSet set;
  uint32_t rung = 0;
  int quiet_rounds = 0;
  std::unique_lock<std::mutex> guard(waiter_->mutex);
  while (!waiter_->stopping) {
    // The doorbell goes first: without futex_waitv the first word is the one slept on.
    uint32_t bell = doorbell_.load();
    set.clear();
    set.add(&doorbell_, bell);
    bool won = look(&set);
    if (won) waiter_->notify(waiter_->context);
    quiet_rounds = won || bell != rung ? 0 : quiet_rounds + 1;
    rung = bell;
    bool idle = entries.empty();
    guard.unlock();
    int64_t longest = longest_sleep(set.overflowed(), quiet_rounds);
    sys::futex_wait(set, idle ? sys::kForever : sys::monotonic_ns() + longest);
    guard.lock();
  }
}

Waiter::Waiter(uint32_t owner, void (*notify)(void*), void* context) : state_(new State) {
  state_->owner = owner;
  state_->notify = notify;
  state_->context = context;
  sys::ForkMembers<State>::add(state_.get());
}

Waiter::~Waiter() {
  sys::ForkMembers<State>::remove(state_.get());
  {
    std::lock_guard<std::mutex> guard(state_->mutex);
    state_->stopping = true;
    for (auto& lane : state_->lanes) lane->ring();
  }
  for (auto& lane : state_->lanes) lane->join();
  for (auto& lane : state_->lanes) {
    for (Entry& entry : lane->entries) {
      hide_wait(state_->owner, entry.target.key);
      pass_wake_on(entry.target);
    }
  }
  for (auto& [grant, target] : state_->granted) give_back(target, state_->owner, grant.won);
}

sys::Failure Waiter::arm(const Target& target, std::shared_ptr<sys::Mapping> memory, uint32_t* ticket) {
  std::lock_guard<std::mutex> guard(state_->mutex);
  Lane* free = nullptr;
  for (auto& lane : state_->lanes) {
    if (lane->entries.size() < kLaneTargets || !sys::has_futex_waitv()) free = lane.get();
    if (free != nullptr) break;
  }
  if (free == nullptr) {
    auto lane = std::make_unique<Lane>(state_.get());
    // The new thread waits for the mutex until we are done here.
    sys::Failure failure = lane->start();
    if (failure) return failure;
    free = lane.get();
    state_->lanes.push_back(std::move(lane));
  }
  *ticket = state_->ticket();
  Entry entry;
  entry.ticket = *ticket;
  entry.target = target;
  entry.memory = std::move(memory);
  free->entries.push_back(entry);
  show_wait(state_->owner, target.key);
  free->ring();
  return {};
}

int32_t Waiter::disarm(uint32_t ticket) {
  std::lock_guard<std::mutex> guard(state_->mutex);
  for (size_t i = 0; i < state_->granted.size(); i++) {
    if (state_->granted[i].first.ticket != ticket) continue;
    int32_t won = state_->granted[i].first.won;
    state_->granted.erase(state_->granted.begin() + static_cast<ptrdiff_t>(i));
    return won;
  }
  for (auto& lane : state_->lanes) {
    for (Entry& entry : lane->entries) {
      if (entry.ticket != ticket) continue;
      entry.wanted = false;
      // The lane may just have swallowed a wake-up, and the caller may unmap the target before the lane comes to pass
      // it on. Two, as one of the sleepers may be the lane itself.
      pass_wake_on(entry.target, 2);
      lane->ring();
      return kNotYet;
    }
  }
  return kNotYet;
}

int32_t Waiter::won(uint32_t ticket) {
  std::lock_guard<std::mutex> guard(state_->mutex);
  for (auto& [grant, target] : state_->granted) {
    if (grant.ticket == ticket) return grant.won;
  }
  return kNotYet;
}

void Waiter::drain(std::vector<Grant>* grants) {
  std::lock_guard<std::mutex> guard(state_->mutex);
  for (auto& [grant, target] : state_->granted) grants->push_back(grant);
  state_->granted.clear();
}

}  // namespace multiproc::sync
