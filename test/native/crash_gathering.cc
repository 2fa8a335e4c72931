// The crash rig for what threads gather at: workers that wait at an event, a condition and a barrier, by blocking waits
// and by lanes, are killed at random moments and replaced, and nobody may wait in vain.
//
//   crash_gathering                        the whole campaign: 10,000 kills, and the negative controls
//   crash_gathering short                  the same with 500 kills
//   crash_gathering hammer KEY=VALUE …     one run: kills=N workers=N seed=N break=RULE
//
// The rig's parent sets and clears the event, and puts items under the condition's lock with one notify each; workers
// take them, and meet at the barrier in threes. The parent judges by books of its own. `break` makes the workers or the
// parent (never the code under test) break one rule; such a run must end with exactly the fault that it provokes (set:
// the event is not set; early: a signal is taken out of its record before the lock is had; life: arrivals at the
// barrier are in the name of one who never dies; leave: nobody leaves the barrier). Exit codes: 0 good, 1 a fault was
// found.
#include <sys/mman.h>
#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <random>

#include "check.h"
#include "sync/barrier.h"
#include "sync/condition.h"
#include "sync/event.h"
#include "sync/lock.h"
#include "sync/wait.h"
#include "sync/waiter.h"

using namespace multiproc;
using namespace multiproc::sync;

namespace {

constexpr uint32_t kParties = 3, kMostWorkers = 64, kMostLives = 1 << 15, kBooks = 1 << 12;
constexpr int64_t kStuck = 20'000 * sys::kMillisecond;

enum class Break : uint32_t { nothing, set, early, life, leave };
const char* const kBreaks[] = {"nothing", "set", "early", "life", "leave"};

// What is known of one generation of the barrier. Used again after so many others.
struct Book {
  std::atomic<uint32_t> tag, outcome, passed;  // the outcome plus 1; a bit for each index that passed
  std::atomic<uint32_t> lives[kParties];
};

struct Rig {
  // Under test.
  Word event;
  Word lock;
  ConditionWords condition;
  BarrierWords barrier;
  std::atomic<uint64_t> entries[2 * kParties];
  // The rig's own.
  Break rule;
  uint32_t parent_id;
  std::atomic<uint32_t> stop;
  std::atomic<int64_t> items;  // changed under the lock
  Book books[kBooks];
  std::atomic<int64_t> since[kMostWorkers];    // when the place's wait began; 0: it does not wait
  std::atomic<int64_t> reaped_at[kMostLives];  // when the rig knew that the life had ended
  std::atomic<uint64_t> events, taken, passages, breaks;
  std::atomic<int64_t> longest;
  // Faults.
  std::atomic<uint32_t> mixed, twice, passed_with_dead, negative;
};

Rig* rig;

Barrier the_barrier() { return {&rig->barrier, kParties}; }

uint32_t attach_or_fail() {
  uint32_t owner = 0;
  if (attach(&owner)) check::fail(__FILE__, __LINE__, "cannot attach");
  return owner;
}

Target target(Target::Kind kind, uint32_t argument) {
  switch (kind) {
    case Target::Kind::event:
      return {kind, &rig->event, nullptr, 0, 1, argument};
    case Target::Kind::condition:
      return {kind, &rig->condition.cursor, reinterpret_cast<Word*>(&rig->condition), 0, 2, argument};
    case Target::Kind::lock:
      return {kind, &rig->lock, nullptr, 0, 3, 0};
    default:
      return {kind,    reinterpret_cast<Word*>(&rig->barrier), reinterpret_cast<Word*>(&rig->barrier), kParties, 4,
              argument};
  }
}

class Worker {
 public:
  Worker(uint32_t place, uint32_t life) : place_(place), life_(life), random_(life * 7919 + 17) {
    me_ = attach_or_fail();
    barrier_me_ = rig->rule == Break::life ? rig->parent_id : me_;
    if (life % 3 == 0 && rig->rule != Break::life) {
      waiter_.reset(new Waiter(
          me_, [](void* self) { static_cast<Worker*>(self)->ring(); }, this));
    }
  }

  void run() {
    while (rig->stop.load() == 0) {
      uint32_t what = place_ == 0 ? 1 : static_cast<uint32_t>(random_() % 4);
      if (what == 0) {
        wait_for_event();
      } else if (what == 1) {
        take_item();
      } else {
        meet();
      }
    }
  }

 private:
  void ring() {
    bell_.fetch_add(1);
    sys::futex_wake(&bell_, 1);
  }

  int32_t wait(const Target& target, uint32_t me, int64_t deadline = sys::kForever) {
    rig->since[place_] = sys::monotonic_ns();
    int32_t won = kNotYet;
    if (waiter_ != nullptr && deadline == sys::kForever && random_() % 2 == 0) {
      won = by_lane(target);
    } else {
      while (won == kNotYet && rig->stop.load() == 0) {
        won = wait_until(target, me, std::min(deadline, sys::monotonic_ns() + kStuck));
        if (deadline != sys::kForever) break;
      }
    }
    int64_t took = sys::monotonic_ns() - rig->since[place_].exchange(0);
    int64_t seen = rig->longest.load();
    while (seen < took && !rig->longest.compare_exchange_weak(seen, took)) continue;
    return won;
  }

  int32_t by_lane(const Target& target) {
    uint32_t ticket = 0;
    if (waiter_->arm(target, nullptr, &ticket)) check::fail(__FILE__, __LINE__, "arm");
    for (;;) {
      uint32_t heard = bell_.load();
      std::vector<Grant> grants;
      waiter_->drain(&grants);
      if (!grants.empty()) return grants[0].won;
      if (rig->stop.load() != 0) return waiter_->disarm(ticket);
      sys::FutexSet set;
      set.add(&bell_, heard);
      sys::futex_wait(set, sys::monotonic_ns() + 50 * sys::kMillisecond);
    }
  }

  void wait_for_event() {
    wait(target(Target::Kind::event, rig->event.load() & kEventGeneration), me_);
    rig->events++;
  }

  bool lock() {
    if (wait(target(Target::Kind::lock, 0), me_) == kNotYet) return false;
    lock_mark_consistent(rig->lock, me_);
    return true;
  }

  // A signal leaves its record when the item is taken: whoever dies before leaves both to another.
  void take_item() {
    if (!lock()) return;
    // This one lives on, and looks first: a signal that died when nobody else waited has left its item behind.
    while (place_ == 0 && rig->items.load() > 0) take();
    if (!condition_enter(rig->condition, me_)) check::fail(__FILE__, __LINE__, "enter");
    lock_release(rig->lock);
    if (wait(target(Target::Kind::condition, 0), me_) == kNotYet) return;
    if (rig->rule == Break::early) {
      condition_consume(rig->condition, me_);
      check::nap(1);
    }
    if (!lock()) return;
    if (rig->items.load() > 0) take();
    if (rig->rule != Break::early) condition_consume(rig->condition, me_);
    lock_release(rig->lock);
  }

  void take() {
    if (--rig->items < 0) rig->negative++;
    rig->taken++;
  }

  void meet() {
    int64_t start = sys::monotonic_ns();
    Arrival arrival = barrier_arrive(the_barrier(), barrier_me_);
    while (arrival.kind == Arrival::Kind::crowded) {
      if (wait(target(Target::Kind::barrier_room, 0), barrier_me_) == kNotYet) return;
      start = sys::monotonic_ns();
      arrival = barrier_arrive(the_barrier(), barrier_me_);
    }
    if (arrival.kind == Arrival::Kind::broken) {
      rig->breaks++;
      barrier_reset(the_barrier());
      return;
    }
    Book& book = open_book(arrival.tag);
    book.lives[arrival.index] = life_;
    int32_t outcome = kNotYet;
    if (arrival.index == kParties - 1) {
      outcome = barrier_complete(the_barrier(), barrier_me_, arrival.tag);
      if (outcome == kBarrierPassed) check_lives(book, arrival.tag, start);
    } else {
      bool hasty = random_() % 16 == 0;
      int64_t deadline = hasty ? start + static_cast<int64_t>(random_() % 3) * sys::kMillisecond : sys::kForever;
      outcome = wait(target(Target::Kind::barrier, arrival.tag), barrier_me_, deadline);
      if (outcome == kNotYet) outcome = barrier_give_up(the_barrier(), barrier_me_, arrival.tag);
    }
    note(book, arrival, outcome);
    if (rig->rule != Break::leave) barrier_leave(the_barrier(), barrier_me_, arrival.tag, arrival.index);
    if (outcome == kBarrierBroken && random_() % 2 == 0) barrier_reset(the_barrier());
  }

  // The first to come opens it. Another generation's entries are as old as so many rounds.
  Book& open_book(uint32_t tag) {
    Book& book = rig->books[tag % kBooks];
    uint32_t seen = book.tag.load();
    if (seen != tag && book.tag.compare_exchange_strong(seen, tag)) {
      book.outcome = 0;
      book.passed = 0;
      for (auto& life : book.lives) life = 0;
    }
    return book;
  }

  // Whoever was known to be dead before the last one came cannot have passed with it.
  void check_lives(const Book& book, uint32_t tag, int64_t start) {
    if (book.tag.load() != tag) return;
    for (const auto& life : book.lives) {
      int64_t reaped = rig->reaped_at[life.load() % kMostLives].load();
      if (life.load() != 0 && reaped != 0 && reaped < start) rig->passed_with_dead++;
    }
  }

  void note(Book& book, const Arrival& arrival, int32_t outcome) {
    if (book.tag.load() != arrival.tag) return;
    uint32_t before = 0, now = static_cast<uint32_t>(outcome) + 1;
    if (!book.outcome.compare_exchange_strong(before, now) && before != now) rig->mixed++;
    if (outcome == kBarrierBroken) return;
    rig->passages++;
    uint32_t bit = 1u << arrival.index;
    if ((book.passed.fetch_or(bit) & bit) != 0) rig->twice++;
  }

  const uint32_t place_, life_;
  uint32_t me_, barrier_me_;
  std::mt19937 random_;
  std::unique_ptr<Waiter> waiter_;
  Word bell_{0};
};

struct Settings {
  uint32_t kills = 10'000, workers = 8, seed = 1;
  Break rule = Break::nothing;
};

class Hammer {
 public:
  explicit Hammer(const Settings& settings) : settings_(settings), random_(settings.seed) {
    me_ = attach_or_fail();
    rig->rule = settings.rule;
    rig->parent_id = me_;
    pids_.resize(settings.workers);
    lives_.resize(settings.workers);
  }

  int run() {
    int64_t start = sys::monotonic_ns();
    for (uint32_t place = 0; place < settings_.workers; place++) spawn(place);
    uint32_t killed = 0;
    while (killed < settings_.kills && faults() == 0) {
      timespec moment = {0, static_cast<long>(random_() % 1'000'000)};
      nanosleep(&moment, nullptr);
      pulse(static_cast<int64_t>(random_() % 3));
      replace(1 + static_cast<uint32_t>(random_() % (settings_.workers - 1)));
      if (++killed % 20 == 0) {
        drain();
        wait_for_all();
      }
    }
    int64_t seconds = sys::monotonic_ns() - start;
    rig->stop = 1;
    for (uint32_t place = 0; place < settings_.workers; place++) end(place);
    report(killed, static_cast<double>(seconds) / 1e9);
    return faults() == 0 ? 0 : 1;
  }

 private:
  void spawn(uint32_t place) {
    uint32_t life = ++life_;
    if (life >= kMostLives) check::fail(__FILE__, __LINE__, "too many lives");
    rig->since[place] = 0;
    pid_t pid = fork();
    if (pid == -1) check::fail(__FILE__, __LINE__, "fork failed");
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      forget_participant();
      Worker(place, life).run();
      _exit(0);
    }
    pids_[place] = pid;
    lives_[place] = life;
  }

  void end(uint32_t place) {
    kill(pids_[place], SIGKILL);
    int status = 0;
    waitpid(pids_[place], &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) failed_++;
    rig->reaped_at[lives_[place]] = sys::monotonic_ns();
  }

  void replace(uint32_t place) {
    end(place);
    spawn(place);
  }

  void pulse(int64_t items) {
    if (rig->rule != Break::set) event_set(rig->event);
    event_clear(rig->event);
    for (int64_t i = 0; i < items; i++) {
      if (wait_until(target(Target::Kind::lock, 0), me_, sys::monotonic_ns() + limit()) == kNotYet) {
        lost_++;
        return;
      }
      lock_mark_consistent(rig->lock, me_);
      // With nobody waiting a notification is lost.
      if (condition_notify(rig->condition, 1) > 0) rig->items++;
      lock_release(rig->lock);
      condition_wake(rig->condition);
    }
  }

  // No new items: those that are there must be taken while somebody waits for them, without another notify.
  void drain() {
    int64_t deadline = sys::monotonic_ns() + limit();
    while (rig->items.load() > 0) {
      if (rig->rule != Break::set) event_set(rig->event);
      event_clear(rig->event);
      check::nap(1);
      if (sys::monotonic_ns() < deadline) continue;
      lost_++;
      return;
    }
  }

  // With nobody being killed, every wait that has begun ends: there are events and items enough, and others to meet.
  void wait_for_all() {
    std::vector<int64_t> begun;
    for (uint32_t place = 0; place < settings_.workers; place++) begun.push_back(rig->since[place].load());
    int64_t deadline = sys::monotonic_ns() + limit();
    for (uint32_t place = 0; place < settings_.workers; place++) {
      while (begun[place] != 0 && rig->since[place].load() == begun[place] && stuck_ == 0) {
        pulse(3);
        check::nap(1);
        if (sys::monotonic_ns() > deadline) stuck_++;
      }
    }
  }

  int64_t limit() const { return rig->rule == Break::nothing ? kStuck : kStuck / 10; }

  uint64_t faults() const {
    return stuck_ + lost_ + failed_ + rig->mixed + rig->twice + rig->passed_with_dead + rig->negative;
  }

  void report(uint32_t killed, double seconds) const {
    auto number = [](uint64_t value) { return static_cast<unsigned long long>(value); };
    printf("kills %u in %.1f s, %u workers, seed %u, futex_waitv %s\n", killed, seconds, settings_.workers,
           settings_.seed, sys::has_futex_waitv() ? "yes" : "no");
    printf("  events %llu, items taken %llu, barrier: passages %llu, found broken %llu; longest wait %.1f ms\n",
           number(rig->events), number(rig->taken), number(rig->passages), number(rig->breaks),
           static_cast<double>(rig->longest) / 1e6);
    printf("  FAULTS: stuck %u, items that nobody was woken for %u, outcomes mixed %u, indices given twice %u,\n",
           stuck_, lost_, rig->mixed.load(), rig->twice.load());
    printf("    passed with the dead %u, items taken that were none %u, failed workers %u\n",
           rig->passed_with_dead.load(), rig->negative.load(), failed_);
    fflush(stdout);
  }

  const Settings settings_;
  std::mt19937 random_;
  uint32_t me_ = 0, life_ = 0;
  std::vector<pid_t> pids_;
  std::vector<uint32_t> lives_;
  uint32_t stuck_ = 0, lost_ = 0, failed_ = 0;
};

int again(std::vector<std::string> parts, bool without_waitv = false) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    std::vector<char*> argv;
    parts.insert(parts.begin(), {"crash_gathering", "hammer"});
    for (std::string& part : parts) argv.push_back(part.data());
    argv.push_back(nullptr);
    if (without_waitv) setenv("MULTIPROC_NO_WAITV", "1", 1);
    execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int campaign(bool full) {
  int wrong = 0;
  auto expect = [&](const std::string& what, int code, int wanted) {
    printf("%s %s\n\n", code == wanted ? "ok" : "NOT OK", what.c_str());
    wrong += code != wanted;
  };
  expect("hammer, with futex_waitv where the kernel has it", again({full ? "kills=10000" : "kills=500"}), 0);
  expect("hammer, MULTIPROC_NO_WAITV=1", again({full ? "kills=1000" : "kills=100"}, true), 0);
  for (const char* rule : {"set", "early", "life", "leave"}) {
    std::string what = std::string("negative control: a rig that breaks the rule \"") + rule + "\" finds faults";
    expect(what, again({"kills=10000", std::string("break=") + rule}), 1);
  }
  printf("%s\n", wrong == 0 ? "all as expected" : "SOMETHING IS NOT AS EXPECTED");
  return wrong == 0 ? 0 : 1;
}

bool parse(const std::string& option, Settings* settings) {
  size_t equals = option.find('=');
  if (equals == std::string::npos) return false;
  std::string key = option.substr(0, equals), value = option.substr(equals + 1);
  uint32_t number = static_cast<uint32_t>(atoi(value.c_str()));
  if (key == "kills") settings->kills = number;
  if (key == "workers") settings->workers = std::clamp(number, 4u, kMostWorkers);
  if (key == "seed") settings->seed = number;
  if (key == "break") {
    for (uint32_t i = 0; i < std::size(kBreaks); i++) {
      if (value == kBreaks[i]) settings->rule = static_cast<Break>(i);
    }
    return settings->rule != Break::nothing;
  }
  return key == "kills" || key == "workers" || key == "seed";
}

}  // namespace

int main(int argc, char** argv) {
  std::string what = argc > 1 ? argv[1] : "full";
  if (what == "full" || what == "short") return campaign(what == "full");
  Settings settings;
  for (int i = 2; i < argc; i++) {
    if (!parse(argv[i], &settings)) {
      printf("not understood: %s\n", argv[i]);
      return 2;
    }
  }
  setenv("MULTIPROC_NAMESPACE", ("gathering" + std::to_string(getpid())).c_str(), 1);
  void* memory = mmap(nullptr, sizeof(Rig), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) check::fail(__FILE__, __LINE__, "no memory for the rig");
  rig = static_cast<Rig*>(memory);
  int code = Hammer(settings).run();
  for (const std::string& left : check::names()) sys::unlink_file(left);
  return code;
}
