// Asynchronous waits for POSIX semaphores.
#include "sys/semaphore_waiter.h"

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <set>

#include "sys/clock.h"
#include "sys/fork_members.h"
#include "sys/thread.h"

namespace multiproc::sys {

namespace {

// Polling intervals: for semaphores that cannot be parked on, and for those beyond the capacity of one park.
constexpr int64_t kPoll = 10 * kMillisecond;
constexpr int64_t kOverflowPoll = 20 * kMillisecond;

struct Wait {
  uint32_t ticket;
  int64_t deadline_ns;
  std::shared_ptr<PosixSemaphore> semaphore;
};

struct Result {
  SemaphoreOutcome outcome;
  std::shared_ptr<PosixSemaphore> semaphore;
};

}  // namespace

class SemaphoreWaiter::State {
 public:
  std::mutex mutex;
  std::vector<Wait> waits;  // oldest first: waits of this process get permits in order
  std::vector<Result> results;
  std::set<PosixSemaphore*> missed;  // semaphores without a permit in this pass
  uint32_t last_ticket = 0;
  bool running = false;
  bool stopping = false;
  pthread_t thread{};
  Word doorbell{0};
  void (*notify)(void*) = nullptr;
  void* context = nullptr;

  Failure start();
  void run();
  void ring();
  void forget();
  bool look(FutexSet* set, int64_t* until);
};

namespace {

void* thread_main(void* state) {
  static_cast<SemaphoreWaiter::State*>(state)->run();
  return nullptr;
}

}  // namespace

Failure SemaphoreWaiter::State::start() {
  Failure failure = start_thread(thread_main, this, &thread);
  running = !failure;
  return failure;
}

// Discards the parent's waits and permits in a forked child, without posting.
void SemaphoreWaiter::State::forget() {
  waits.clear();
  results.clear();
  running = false;
}

void SemaphoreWaiter::State::ring() {
  doorbell.fetch_add(1);
  futex_wake(&doorbell, 1);
}

// Checks every wait once. Fills `set` and `until` for the next park; returns true if there are new results.
bool SemaphoreWaiter::State::look(FutexSet* set, int64_t* until) {
  bool came_out = false;
  int64_t now = monotonic_ns();
  int64_t longest = has_futex_waitv() ? longest_park_ns() : kPoll;
  *until = kForever;
  missed.clear();
  for (auto wait = waits.begin(); wait != waits.end();) {
    // After one failure skip later waits for the same semaphore: a post in between would let them overtake.
    bool won = missed.count(wait->semaphore.get()) == 0 && wait->semaphore->try_wait();
    if (!won) missed.insert(wait->semaphore.get());
    if (won || now >= wait->deadline_ns) {
      wait->semaphore->leave();
      results.push_back({{wait->ticket, won}, std::move(wait->semaphore)});
      wait = waits.erase(wait);
      came_out = true;
      continue;
    }
    if (Word* word = wait->semaphore->word()) {
      set->add(word, 0);
    } else {
      longest = kPoll;
    }
    *until = std::min(*until, wait->deadline_ns);
    ++wait;
  }
  if (set->overflowed()) longest = std::min(longest, kOverflowPoll);
  if (!waits.empty()) *until = std::min(*until, now + longest);
  return came_out;
}

void SemaphoreWaiter::State::run() {
  FutexSet set;
  std::unique_lock<std::mutex> guard(mutex);
  while (!stopping) {
    // First: without futex_waitv the thread parks on the first word only.
    set.clear();
    set.add(&doorbell, doorbell.load());
    int64_t until = kForever;
    if (look(&set, &until)) notify(context);
    guard.unlock();
    futex_wait(set, until);
    guard.lock();
  }
}

SemaphoreWaiter::SemaphoreWaiter(void (*notify)(void*), void* context) : state_(new State) {
  state_->notify = notify;
  state_->context = context;
  ForkMembers<State>::add(state_.get());
}

SemaphoreWaiter::~SemaphoreWaiter() {
  ForkMembers<State>::remove(state_.get());
  bool running = false;
  {
    std::lock_guard<std::mutex> guard(state_->mutex);
    state_->stopping = true;
    running = state_->running;
    state_->ring();
  }
  if (running) pthread_join(state_->thread, nullptr);
  for (Wait& wait : state_->waits) wait.semaphore->leave();
  for (Result& result : state_->results) {
    if (result.outcome.won) result.semaphore->post();
  }
}

Failure SemaphoreWaiter::arm(std::shared_ptr<PosixSemaphore> semaphore, int64_t deadline_ns, uint32_t* ticket) {
  std::lock_guard<std::mutex> guard(state_->mutex);
  if (!state_->running) {
    // The new thread blocks on the mutex, which this call holds.
    if (Failure failure = state_->start()) return failure;
  }
  if (++state_->last_ticket == 0) ++state_->last_ticket;
  *ticket = state_->last_ticket;
  semaphore->join();
  state_->waits.push_back({*ticket, deadline_ns, std::move(semaphore)});
  state_->ring();
  return {};
}

void SemaphoreWaiter::disarm(uint32_t ticket) {
  std::lock_guard<std::mutex> guard(state_->mutex);
  auto& waits = state_->waits;
  for (auto wait = waits.begin(); wait != waits.end(); ++wait) {
    if (wait->ticket != ticket) continue;
    wait->semaphore->leave();
    waits.erase(wait);
    // The thread may be parked on the semaphore's word, which may be unmapped after this call.
    state_->ring();
    return;
  }
  auto& results = state_->results;
  for (auto result = results.begin(); result != results.end(); ++result) {
    if (result->outcome.ticket != ticket) continue;
    if (result->outcome.won) result->semaphore->post();
    results.erase(result);
    return;
  }
}

void SemaphoreWaiter::drain(std::vector<SemaphoreOutcome>* outcomes) {
  std::lock_guard<std::mutex> guard(state_->mutex);
  for (Result& result : state_->results) outcomes->push_back(result.outcome);
  state_->results.clear();
}

}  // namespace multiproc::sys
