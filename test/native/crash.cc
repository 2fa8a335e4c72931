// The crash rig: worker processes that hammer locks, permits and segments are killed at random moments and replaced,
// and nothing may get lost, be shared wrongly, or be seen torn by somebody who was not told.
//
//   crash                        the whole campaign: 10,000 kills, takeover times, and the negative controls
//   crash short                  the same with 500 kills
//   crash hammer KEY=VALUE …     one run: kills=N workers=N seed=N seccomp=EPERM|ENOSYS break=RULE
//   crash takeover KEY=VALUE …   takeover times: rounds=N seccomp=…
//
// `break` makes the workers (never the code under test) break one rule; such a run must end with exactly the fault that
// it provokes (repair: do not repair what a dead owner left torn; tell: drop the mark that an owner died; life: take
// locks in the name of one who never dies; rob: take a lock that another holds; permit: hold robust permits in that
// other name; semaphore: give permits back that one does not hold; sweep: have segments open while they are swept).
// MULTIPROC_NO_WAITV=1 in the environment takes futex_waitv away. Exit codes: 0 good, 1 a fault was found, 2 the rig
// itself failed.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>

#include "check.h"
#include "sync/lock.h"
#include "sync/segment.h"
#include "sync/semaphore.h"
#include "sync/wait.h"
#include "sync/waiter.h"
#include "sys/futex.h"

using namespace multiproc;
using namespace multiproc::sync;

namespace {

constexpr int kLocks = 4;
constexpr uint32_t kPermitLimit = 3;
constexpr int kPlaces = 64;  // a bit of the `inside` masks each; a place is used again only after all others
constexpr uint32_t kMostLives = 1 << 16;
constexpr int64_t kStuck = 20'000 * sys::kMillisecond;

enum Phase : uint32_t { kRun, kQuiet, kStop };
enum class Break : uint32_t { nothing, repair, tell, life, rob, permit, semaphore, sweep };
const char* const kBreaks[] = {"nothing", "repair", "tell", "life", "rob", "permit", "semaphore", "sweep"};

// What a lock guards. Whoever gets the lock clean must find `inside` 0 and `a == b`.
struct Guarded {
  std::atomic<uint32_t> inside;  // the life that is inside
  std::atomic<uint64_t> a, b;
  std::atomic<uint32_t> told;  // somebody left it dirty on purpose: the next one must be told, too
  std::atomic<uint64_t> taken, dirty, torn_and_told;
};

struct Place {
  std::atomic<uint32_t> life;
  std::atomic<uint32_t> quiet;
  std::atomic<uint64_t> steps;
};

// Shared by the rig's processes, and no part of what is tested.
struct Rig {
  std::atomic<uint32_t> phase;
  Break rule;
  uint32_t parent_id;
  Guarded guarded[kLocks];
  std::atomic<uint64_t> in_semaphore, in_permits;
  std::atomic<uint64_t> reaped;
  // Faults.
  std::atomic<uint32_t> exclusion, torn, untold, semaphore_over, permits_over, own_segment_gone;
  // Figures.
  std::atomic<uint64_t> semaphore_taken, permits_taken, lane_grants, lane_cancels;
  std::atomic<int64_t> longest_wait;
  Place places[kPlaces];
  std::atomic<uint8_t> condemned[kMostLives];  // set before the life is killed
  std::atomic<uint32_t> ids[kMostLives];       // the participant of each life

  // For takeover times.
  Word takeover_word;
  std::atomic<uint32_t> round, idle;
  std::atomic<int64_t> taken_at;
};

Rig* rig;

std::string object_name(const std::string& plain) { return check::name(plain); }

struct Opened {
  Segment segment;
  Word* word;
  Word* table;
};

void open_object(const std::string& plain, Opened* opened) {
  HeaderFault fault;
  sys::Failure failure = open_segment(object_name(plain), &opened->segment, &fault);
  BlockFacts facts;
  bool good = !failure && fault == HeaderFault::none &&
              check_block(opened->segment.data(), opened->segment.size(), kFirstBlock, &facts) == HeaderFault::none;
  if (!good) check::fail(__FILE__, __LINE__, plain + " cannot be opened: " + std::to_string(failure.code));
  opened->word = reinterpret_cast<Word*>(opened->segment.data() + facts.body + kWordOffset);
  opened->table = reinterpret_cast<Word*>(opened->segment.data() + facts.body + kTableOffset);
}

void create_object(const std::string& plain, BlockKind kind, uint32_t flags, uint32_t value) {
  Segment segment;
  sys::Failure failure = create_segment(SegmentKind::object, 4096, attached(), object_name("temporary"), &segment);
  if (failure) check::fail(__FILE__, __LINE__, "a segment cannot be made");
  BlockHeader* block = reinterpret_cast<BlockHeader*>(segment.data() + kFirstBlock);
  block->flags = flags;
  block->length = value;
  block->size = 1024;
  Word* word = reinterpret_cast<Word*>(segment.data() + kFirstBlock + sizeof(BlockHeader));
  if (kind == BlockKind::semaphore && flags == 0) word->store(value);
  block->kind.store(static_cast<uint32_t>(kind));
  if (publish_segment(&segment, object_name(plain))) check::fail(__FILE__, __LINE__, "a name is taken");
}

struct Objects {
  Opened locks[kLocks], semaphore, permits;

  Objects() {
    for (int i = 0; i < kLocks; i++) open_object("lock" + std::to_string(i), &locks[i]);
    open_object("semaphore", &semaphore);
    open_object("permits", &permits);
  }
  Target lock(int index) const { return {Target::Kind::lock, locks[index].word, nullptr, 0, 10u + index}; }
  Target plain() const { return {Target::Kind::semaphore, semaphore.word, nullptr, 0, 20}; }
  Target robust() const { return {Target::Kind::permits, permits.word, permits.table, kPermitLimit, 30}; }
};

void raise_to(std::atomic<int64_t>& most, int64_t value) {
  int64_t seen = most.load();
  while (seen < value && !most.compare_exchange_weak(seen, value)) continue;
}

class Worker {
 public:
  Worker(int place, uint32_t life) : place_(place), life_(life), random_(life * 7919 + 17) {
    uint32_t owner = 0;
    sys::Failure failure = attach(&owner);
    if (failure) check::fail(__FILE__, __LINE__, "a worker cannot attach: " + std::to_string(failure.code));
    me_ = owner;
    rig->ids[life].store(me_);
    lock_me_ = rig->rule == Break::life ? rig->parent_id : me_;
    permit_me_ = rig->rule == Break::permit ? rig->parent_id : me_;
  }

  void run() {
    make_own_segment();
    // Some wait by lanes, too. Their thread is killed along with them.
    std::unique_ptr<Waiter> waiter;
    if (life_ % 3 == 0)
      waiter.reset(new Waiter(
          me_, [](void* self) { static_cast<Worker*>(self)->ring(); }, this));
    Place& place = rig->places[place_];
    for (uint64_t step = 1; rig->phase != kStop; step++) {
      if (rig->phase == kQuiet) {
        place.quiet = 1;
        while (rig->phase == kQuiet) check::nap(1);
        place.quiet = 0;
        continue;
      }
      if (waiter != nullptr && pick(2) == 0) {
        by_lanes(waiter.get());
      } else {
        blocking();
      }
      place.steps = step;
      if (step % 512 == 0) check_own_segment();
    }
  }

 private:
  uint32_t pick(uint32_t below) { return static_cast<uint32_t>(random_() % below); }

  void ring() {
    bell_.fetch_add(1);
    sys::futex_wake(&bell_, 1);
  }

  int32_t wait(const Target& target, uint32_t me, int64_t ms) {
    int64_t start = sys::monotonic_ns();
    int32_t won = wait_until(target, me, ms < 0 ? sys::kForever : start + ms * sys::kMillisecond);
    raise_to(rig->longest_wait, sys::monotonic_ns() - start);
    return won;
  }

  void blocking() {
    uint32_t what = pick(12);
    int one = static_cast<int>(pick(kLocks));
    if (rig->rule == Break::rob && pick(200) == 0) {
      objects_.locks[one].word->store(lock_me_);
      section(one);
      leave(one);
      return;
    }
    if (what < 5) {
      if (wait(objects_.lock(one), lock_me_, -1) == kNotYet) return;
      section(one);
      leave(one);
    } else if (what == 5) {
      if (!lock_try(*objects_.locks[one].word, lock_me_)) return;
      section(one);
      leave(one);
    } else if (what == 6) {
      if (wait(objects_.lock(one), lock_me_, pick(3)) == kNotYet) return;
      section(one);
      leave(one);
    } else if (what < 9) {
      // In one order for all, as everybody who takes two.
      int first = static_cast<int>(pick(kLocks - 1));
      int second = first + 1 + static_cast<int>(pick(static_cast<uint32_t>(kLocks - 1 - first)));
      wait(objects_.lock(first), lock_me_, -1);
      section(first);
      wait(objects_.lock(second), lock_me_, -1);
      section(second);
      leave(pick(2) == 0 ? first : second);
      for (int i : {first, second}) {
        if ((objects_.locks[i].word->load() & kOwnerMask) == lock_me_ && left_ != i) leave(i);
      }
    } else if (what == 9) {
      if (wait(objects_.plain(), me_, pick(2) == 0 ? -1 : 1) != kNotYet) in_semaphore();
    } else {
      int32_t index = wait(objects_.robust(), permit_me_, rig->rule == Break::permit || pick(2) == 0 ? 1 : -1);
      if (index != kNotYet) in_permits(index, permit_me_);
    }
  }

  // Arms several targets at once and serves each as it is won. Never blocks on anything else meanwhile: what is won and
  // not yet served is held.
  void by_lanes(Waiter* waiter) {
    std::map<uint32_t, int> armed;  // ticket → lock, or kLocks for the semaphore, kLocks + 1 for permits
    uint32_t count = 1 + pick(3);
    for (uint32_t i = 0; i < count; i++) {
      int what = static_cast<int>(pick(kLocks + 2));
      uint32_t ticket = 0;
      if (waiter->arm(target(what), nullptr, &ticket)) check::fail(__FILE__, __LINE__, "arm");
      armed[ticket] = what;
    }
    int64_t start = sys::monotonic_ns();
    while (!armed.empty()) {
      uint32_t heard = bell_.load();
      std::vector<Grant> grants;
      waiter->drain(&grants);
      for (const Grant& grant : grants) {
        int what = armed.at(grant.ticket);
        armed.erase(grant.ticket);
        rig->lane_grants++;
        serve(what, grant.won);
      }
      if (armed.empty()) break;
      if (pick(8) == 0) {
        auto [ticket, what] = *armed.begin();
        armed.erase(ticket);
        int32_t won = waiter->disarm(ticket);
        rig->lane_cancels++;
        if (won != kNotYet) serve(what, won);
        continue;
      }
      if (!grants.empty()) continue;
      sys::FutexSet set;
      set.add(&bell_, heard);
      sys::futex_wait(set, sys::monotonic_ns() + 50 * sys::kMillisecond);
    }
    raise_to(rig->longest_wait, sys::monotonic_ns() - start);
  }

  Target target(int what) const {
    return what < kLocks ? objects_.lock(what) : what == kLocks ? objects_.plain() : objects_.robust();
  }

  void serve(int what, int32_t won) {
    if (what < kLocks) {
      section(what);
      leave(what);
    } else if (what == kLocks) {
      in_semaphore();
    } else {
      in_permits(won, me_);
    }
  }

  void section(int index) {
    Guarded& data = rig->guarded[index];
    Word& word = *objects_.locks[index].word;
    bool dirty = (word.load() & kDirty) != 0;
    uint32_t before = data.inside.exchange(life_);
    // Told of a death, one may find a trace of whoever died. It must be one that was killed.
    if (before != 0 && (!dirty || rig->condemned[before % kMostLives] == 0)) rig->exclusion++;
    if (data.told.load() != 0 && !dirty) rig->untold++;
    if (data.a.load() != data.b.load()) {
      if (!dirty) rig->torn++;
      if (dirty) data.torn_and_told++;
    }
    if (dirty) {
      data.dirty++;
      if (rig->rule != Break::repair) data.b = data.a.load();
      if (pick(4) != 0 || rig->rule == Break::repair) {
        data.told = 0;
        lock_mark_consistent(word, lock_me_);
      } else {
        data.told = 1;
      }
    }
    data.taken++;
    data.a++;
    dawdle();
    if (data.inside.load() != life_) rig->exclusion++;
    data.b++;
    data.inside = 0;
  }

  void leave(int index) {
    Word& word = *objects_.locks[index].word;
    left_ = index;
    if (rig->rule == Break::tell && (word.load() & kDirty) != 0) {
      word = 0;
      sys::futex_wake(&word, 1);
      return;
    }
    lock_release(word);
  }

  void dawdle() {
    uint32_t how = pick(64);
    if (how == 0) sched_yield();
    for (uint32_t i = 0; i < how * 8; i++) asm volatile("" ::: "memory");
  }

  uint64_t bit() const { return uint64_t{1} << place_; }

  // Sets our bit in the mask and says whether more living workers than the limit are inside with us.
  bool too_many(std::atomic<uint64_t>& mask, uint32_t limit) {
    uint64_t reaped = rig->reaped;
    uint64_t inside = mask.fetch_or(bit()) | bit();
    uint32_t count = 0;
    for (int i = 0; i < kPlaces; i++) {
      // A dead holder's permit is free at once, its bit goes when it is reaped.
      if ((inside >> i & 1) != 0 && rig->condemned[rig->places[i].life % kMostLives] == 0) count++;
    }
    // A place that was given to another life meanwhile would be counted wrongly: that takes as many kills as places.
    return count > limit && rig->reaped - reaped < kPlaces / 4;
  }

  void in_semaphore() {
    // While the rig replaces permits it cannot say how many there are.
    if (too_many(rig->in_semaphore, kPermitLimit) && rig->phase == kRun) rig->semaphore_over++;
    rig->semaphore_taken++;
    dawdle();
    rig->in_semaphore.fetch_and(~bit());
    semaphore_release(*objects_.semaphore.word, 1, kMaxPermits);
    if (rig->rule == Break::semaphore && pick(50) == 0) semaphore_release(*objects_.semaphore.word, 1, kMaxPermits);
  }

  void in_permits(int32_t index, uint32_t me) {
    if (too_many(rig->in_permits, kPermitLimit)) rig->permits_over++;
    rig->permits_taken++;
    dawdle();
    rig->in_permits.fetch_and(~bit());
    if (permits_release(objects_.robust().permits(), me, static_cast<uint32_t>(index)) < 0) rig->permits_over++;
  }

  // An anonymous object as a program would have it: open, or closed and on its way to somebody.
  void make_own_segment() {
    Segment segment;
    own_name_ = object_name("own." + std::to_string(life_));
    sys::Failure failure = create_segment(SegmentKind::object, 4096, me_, object_name("temporary"), &segment);
    if (!failure) {
      BlockHeader* block = reinterpret_cast<BlockHeader*>(segment.data() + kFirstBlock);
      block->size = 64;
      block->kind.store(static_cast<uint32_t>(BlockKind::lock));
      failure = publish_segment(&segment, own_name_);
    }
    if (failure) check::fail(__FILE__, __LINE__, "a worker cannot make its segment");
    if (life_ % 2 == 0) {
      begin_transit(segment.header(), me_);
    } else {
      own_ = segment.mapping;
    }
  }

  void check_own_segment() {
    int fd;
    sys::FileFacts facts;
    if (sys::open_file(own_name_, &fd, &facts)) {
      rig->own_segment_gone++;
    } else {
      close(fd);
    }
  }

  const int place_;
  const uint32_t life_;
  uint32_t me_, lock_me_, permit_me_;
  int left_ = -1;
  std::mt19937 random_;
  Objects objects_;
  Word bell_{0};
  std::string own_name_;
  std::shared_ptr<sys::Mapping> own_;
};

// Settings of a run, from KEY=VALUE.
struct Settings {
  uint32_t kills = 10'000, workers = 8, seed = 1, rounds = 1'000;
  Break rule = Break::nothing;
  int seccomp = 0;
};

void forbid_waitv(int code) {
  constexpr unsigned kFutexWaitv = 449;
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kFutexWaitv, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(code)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {4, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    printf("no seccomp filter can be set here\n");
    exit(2);
  }
}

// The parent of a hammer run.
class Hammer {
 public:
  explicit Hammer(const Settings& settings) : settings_(settings), random_(settings.seed) {
    uint32_t owner = 0;
    if (attach(&owner)) check::fail(__FILE__, __LINE__, "the rig cannot attach");
    rig->rule = settings.rule;
    rig->parent_id = owner;
    for (int i = 0; i < kLocks; i++) create_object("lock" + std::to_string(i), BlockKind::lock, 0, 0);
    create_object("semaphore", BlockKind::semaphore, 0, kPermitLimit);
    create_object("permits", BlockKind::semaphore, kRobust, kPermitLimit);
    objects_.reset(new Objects);
  }

  int run() {
    int64_t start = sys::monotonic_ns();
    for (uint32_t i = 0; i < settings_.workers; i++) spawn();
    uint32_t killed = 0;
    while (killed < settings_.kills && !stuck_) {
      timespec moment = {0, static_cast<long>(random_() % 1'500'000)};
      nanosleep(&moment, nullptr);
      uint32_t burst = std::min<uint32_t>(random_() % 16 == 0 ? 3 : 1, settings_.kills - killed);
      kill_some(burst);
      uint32_t before = killed;
      killed += burst;
      if (before / 100 != killed / 100) quiet();
      if (broken()) break;
    }
    if (!stuck_) quiet();
    finish();
    double seconds = static_cast<double>(sys::monotonic_ns() - start) / 1e9;
    report(killed, seconds);
    if (rig->rule != Break::nothing) return provoked() != 0 ? 1 : 0;
    return faults() == 0 ? 0 : 1;
  }

 private:
  struct Alive {
    pid_t pid;
    int place;
    uint32_t life;
  };

  void spawn() {
    uint32_t life = ++lives_;
    if (life >= kMostLives) check::fail(__FILE__, __LINE__, "too many lives");
    int place = next_place_;
    while (rig->places[place].life != 0) place = (place + 1) % kPlaces;
    next_place_ = (place + 1) % kPlaces;
    rig->places[place].quiet = 0;
    rig->places[place].life = life;
    std::string a = std::to_string(place), b = std::to_string(life);
    pid_t pid = fork();
    if (pid == 0) {
      // A program of its own, as if launched independently: nothing but names is shared with the rig.
      execl("/proc/self/exe", "crash", "worker", a.c_str(), b.c_str(), nullptr);
      _exit(127);
    }
    if (pid == -1) check::fail(__FILE__, __LINE__, "fork failed");
    alive_.push_back({pid, place, life});
  }

  // Half of the victims are chosen for being inside a lock just now.
  size_t victim() {
    if (random_() % 2 == 0) {
      uint32_t inside = rig->guarded[random_() % kLocks].inside;
      for (size_t i = 0; i < alive_.size(); i++) {
        if (inside == alive_[i].life) return i;
      }
    }
    return random_() % alive_.size();
  }

  void kill_some(uint32_t count) {
    std::vector<Alive> victims;
    for (uint32_t i = 0; i < count; i++) {
      size_t index = victim();
      victims.push_back(alive_[index]);
      alive_.erase(alive_.begin() + static_cast<ptrdiff_t>(index));
      rig->condemned[victims.back().life] = 1;
      kill(victims.back().pid, SIGKILL);
    }
    for (const Alive& one : victims) {
      int status = 0;
      waitpid(one.pid, &status, 0);
      if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) failed_workers_++;
      uint64_t bit = uint64_t{1} << one.place;
      rig->in_permits.fetch_and(~bit);
      // Plain permits die with their holder. Those that are surely held are given back, so that the run can go on.
      if ((rig->in_semaphore.fetch_and(~bit) & bit) != 0) {
        semaphore_release(*objects_->semaphore.word, 1, kMaxPermits);
      } else {
        unknown_permits_++;  // Perhaps killed between taking a permit and saying so.
      }
      rig->reaped++;
      rig->places[one.place].life = 0;
    }
    for (uint32_t i = 0; i < count; i++) spawn();
  }

  // Nobody may be stuck: all must come to rest. Then everything can be counted.
  void quiet() {
    rig->phase = kQuiet;
    int64_t deadline = sys::monotonic_ns() + (rig->rule == Break::nothing ? kStuck : kStuck / 10);
    for (const Alive& one : alive_) {
      while (rig->places[one.place].quiet == 0) {
        int status;
        if (waitpid(one.pid, &status, WNOHANG) == one.pid) {
          failed_workers_++;
          stuck_ = true;
          break;
        }
        if (sys::monotonic_ns() > deadline) {
          stuck_ = true;
          stuck_workers_++;
          break;
        }
        replace_plain_permits();
        check::nap(1);
      }
    }
    for (int i = 0; i < kLocks; i++) count_lock(i);
    uint32_t free = permits_free(objects_->robust().permits());
    if (free < kPermitLimit) permits_lost_ += kPermitLimit - free;
    if (!stuck_) count_semaphore();
    sweep();
    check_ids();
    rig->phase = kRun;
  }

  // Plain permits that died with their holders would leave the others waiting for ever, as they do in any program.
  // There are none left and nobody says to hold one: they are lost, unless somebody has one and has not said so yet,
  // who will give it back in a moment. Hence the count is compared again when all are at rest.
  void replace_plain_permits() {
    if ((*objects_->semaphore.word & kMaxPermits) != 0 || rig->in_semaphore != 0 || replaced_ >= unknown_permits_)
      return;
    replaced_++;
    semaphore_release(*objects_->semaphore.word, 1, kMaxPermits);
  }

  void count_lock(int index) {
    Word& word = *objects_->locks[index].word;
    uint32_t me = rig->parent_id;
    if (wait_until(objects_->lock(index), me, sys::monotonic_ns() + 2'000 * sys::kMillisecond) == kNotYet) {
      locks_lost_++;
      return;
    }
    bool dirty = (word.load() & kDirty) != 0;
    Guarded& data = rig->guarded[index];
    if (data.inside != 0 && (!dirty || rig->condemned[data.inside % kMostLives] == 0)) rig->exclusion++;
    if (data.a != data.b && !dirty) rig->torn++;
    lock_release(word);
  }

  void count_semaphore() {
    int64_t free = *objects_->semaphore.word & kMaxPermits;
    int64_t lost = kPermitLimit + replaced_ - free;
    // Only a kill between taking and saying so, or between saying and giving back, may lose one; none is ever gained.
    if (lost < 0 || lost > unknown_permits_) semaphore_wrong_++;
    plain_lost_ += static_cast<uint64_t>(std::max<int64_t>(lost, 0));
    unknown_permits_ = replaced_ = 0;
    objects_->semaphore.word->store(kPermitLimit);
  }

  void sweep() {
    std::set<std::string> living;
    for (const Alive& one : alive_) living.insert(object_name("own." + std::to_string(one.life)));
    std::string prefix = object_name("own.");
    std::vector<std::unique_ptr<Segment>> kept;
    for (const std::string& name : check::names()) {
      if (name.compare(0, prefix.size(), prefix) != 0) continue;
      if (rig->rule == Break::sweep) {
        HeaderFault fault;
        kept.push_back(std::make_unique<Segment>());
        open_segment(name, kept.back().get(), &fault);
      }
      if (sys::sweep_file(name, segment_needed) == sys::Sweep::removed) swept_++;
    }
    for (const std::string& name : check::names()) {
      if (name.compare(0, prefix.size(), prefix) == 0 && living.erase(name) == 0) segments_left_++;
    }
    if (!stuck_) segments_robbed_ += living.size();
  }

  void check_ids() {
    for (; checked_lives_ <= lives_; checked_lives_++) {
      uint32_t id = rig->ids[checked_lives_];
      // A worker that is killed before it attached has none.
      if (id != 0 && !ids_.insert(id).second) ids_twice_++;
      if (id == 0 && rig->condemned[checked_lives_] == 0) break;
    }
    for (uint32_t life = 1; life <= lives_; life++) {
      uint32_t id = rig->ids[life];
      if (id != 0 && is_dead(id) != (rig->condemned[life] != 0)) ids_wrong_++;
    }
  }

  bool broken() { return rig->rule != Break::nothing && provoked() != 0; }

  // How often the fault was seen that the broken rule leads to.
  uint64_t provoked() const {
    switch (rig->rule) {
      case Break::nothing:
        return 0;
      case Break::repair:
        return rig->torn;
      case Break::tell:
        return rig->untold;
      case Break::life:
        return locks_lost_;
      case Break::rob:
        return rig->exclusion;
      case Break::permit:
        return permits_lost_;
      case Break::semaphore:
        return rig->semaphore_over;
      case Break::sweep:
        return segments_left_;
    }
    return 0;
  }

  void finish() {
    rig->phase = kStop;
    int64_t deadline = sys::monotonic_ns() + (stuck_ ? 0 : kStuck);
    for (const Alive& one : alive_) {
      int status = 0;
      while (waitpid(one.pid, &status, WNOHANG) == 0) {
        if (sys::monotonic_ns() > deadline) {
          kill(one.pid, SIGKILL);
          waitpid(one.pid, &status, 0);
          break;
        }
        check::nap(1);
      }
      if (!stuck_ && status != 0) failed_workers_++;
      rig->condemned[one.life] = 1;
    }
    alive_.clear();
    sweep();
    check_ids();
  }

  uint64_t faults() const {
    return rig->exclusion + rig->torn + rig->untold + rig->semaphore_over + rig->permits_over + rig->own_segment_gone +
           locks_lost_ + stuck_workers_ + failed_workers_ + permits_lost_ + semaphore_wrong_ + segments_left_ +
           segments_robbed_ + ids_twice_ + ids_wrong_;
  }

  void report(uint32_t killed, double seconds) {
    uint64_t taken = 0, dirty = 0, torn = 0;
    for (Guarded& data : rig->guarded) {
      taken += data.taken;
      dirty += data.dirty;
      torn += data.torn_and_told;
    }
    auto number = [](uint64_t value) { return static_cast<unsigned long long>(value); };
    printf("kills %u in %.1f s, %u workers, seed %u, futex_waitv %s\n", killed, seconds, settings_.workers,
           settings_.seed, sys::has_futex_waitv() ? "yes" : "no");
    printf("  locks taken %llu, dirty %llu, torn and told %llu; plain permits %llu, robust permits %llu\n",
           number(taken), number(dirty), number(torn), number(rig->semaphore_taken), number(rig->permits_taken));
    printf("  lane grants %llu, lane cancellations %llu; longest wait %.1f ms; slots used again %llu times\n",
           number(rig->lane_grants), number(rig->lane_cancels), static_cast<double>(rig->longest_wait) / 1e6,
           number(ids_.size() > kSlots ? ids_.size() - kSlots : 0));
    printf("  segments swept %llu; plain permits that died with their holder, not given back by the rig: %llu\n",
           number(swept_), number(plain_lost_));
    printf("  FAULTS: locks lost %u, stuck workers %u, exclusion %u, torn and not told %u, dirty and not told %u,\n",
           locks_lost_, stuck_workers_, rig->exclusion.load(), rig->torn.load(), rig->untold.load());
    printf("    robust permits lost %u, over the limit %u, plain permits over %u, wrong %u, segments left %llu, ",
           permits_lost_, rig->permits_over.load(), rig->semaphore_over.load(), semaphore_wrong_,
           number(segments_left_));
    printf("removed in use %llu,\n    ids given twice %u, ids wrongly dead or alive %u, failed workers %u\n",
           number(segments_robbed_ + rig->own_segment_gone), ids_twice_, ids_wrong_, failed_workers_);
    fflush(stdout);
  }

  const Settings settings_;
  std::mt19937 random_;
  std::unique_ptr<Objects> objects_;
  std::vector<Alive> alive_;
  std::set<uint32_t> ids_;
  uint32_t lives_ = 0, checked_lives_ = 1;
  int next_place_ = 0;
  bool stuck_ = false;
  uint32_t unknown_permits_ = 0, replaced_ = 0, locks_lost_ = 0, stuck_workers_ = 0, failed_workers_ = 0,
           permits_lost_ = 0;
  uint32_t semaphore_wrong_ = 0, ids_twice_ = 0, ids_wrong_ = 0;
  uint64_t plain_lost_ = 0, swept_ = 0, segments_left_ = 0, segments_robbed_ = 0;
};

uint32_t attach_or_fail() {
  uint32_t owner = 0;
  if (attach(&owner)) check::fail(__FILE__, __LINE__, "cannot attach");
  return owner;
}

// How long from SIGKILL of the owner until one of three sleeping waiters has the lock.
int takeover(const Settings& settings) {
  attach_or_fail();
  Target target = {Target::Kind::lock, &rig->takeover_word, nullptr, 0, 1};
  constexpr uint32_t kWaiters = 3;
  std::vector<std::unique_ptr<check::Child>> waiters;
  uint32_t ids[kWaiters];
  for (uint32_t i = 0; i < kWaiters; i++) {
    waiters.push_back(std::make_unique<check::Child>([&](check::Child& parent) {
      uint32_t me = attach_or_fail();
      parent.send(me);
      for (;;) {
        parent.hear();
        wait_until(target, me, sys::kForever);
        if ((rig->takeover_word.load() & kDirty) != 0) {
          rig->taken_at = sys::monotonic_ns();
          lock_mark_consistent(rig->takeover_word, me);
        }
        lock_release(rig->takeover_word);
        rig->idle++;
      }
    }));
    ids[i] = waiters.back()->receive<uint32_t>();
  }
  std::vector<double> times;
  for (uint32_t round = 0; round < settings.rounds; round++) {
    check::Child owner([&](check::Child& parent) {
      if (!lock_try(rig->takeover_word, attach_or_fail())) _exit(1);
      parent.say();
      pause();
    });
    owner.hear();
    rig->taken_at = 0;
    rig->idle = 0;
    for (auto& waiter : waiters) waiter->say();
    for (uint32_t id : ids) {
      check::eventually([&] { return registry()->slots[slot_of(id)].waits[0].load() != 0; }, "a waiter");
    }
    check::nap(2);  // They have announced themselves and now fall asleep.
    int64_t start = sys::monotonic_ns();
    owner.signal(SIGKILL);
    check::eventually([&] { return rig->taken_at.load() != 0; }, "the takeover");
    times.push_back(static_cast<double>(rig->taken_at - start) / 1e3);
    owner.join();
    check::eventually([&] { return rig->idle == kWaiters; }, "the others");
  }
  std::sort(times.begin(), times.end());
  auto at = [&](double part) { return times[std::min(times.size() - 1, static_cast<size_t>(part * times.size()))]; };
  printf("takeover after SIGKILL, %u rounds, futex_waitv %s: p50 %.0f us, p99 %.0f us, longest %.0f us\n",
         settings.rounds, sys::has_futex_waitv() ? "yes" : "no", at(0.5), at(0.99), times.back());
  return 0;
}

// Runs this program again with other arguments; its exit code.
int again(std::vector<std::string> parts, bool without_waitv = false) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    std::vector<char*> argv;
    parts.insert(parts.begin(), "crash");
    for (std::string& part : parts) argv.push_back(part.data());
    argv.push_back(nullptr);
    if (without_waitv) setenv("MULTIPROC_NO_WAITV", "1", 1);
    unsetenv("MULTIPROC_CRASH_RIG");
    execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int campaign(bool full, const std::string& seed) {
  int wrong = 0;
  auto expect = [&](const char* what, int code, bool good) {
    bool as_expected = good ? code == 0 : code == 1;
    printf("%s %s\n\n", as_expected ? "ok" : "NOT OK", what);
    wrong += !as_expected;
  };
  auto hammer = [&](int kills, const char* more) {
    return std::vector<std::string>{"hammer", "kills=" + std::to_string(kills), seed, more};
  };
  expect("hammer, with futex_waitv where the kernel has it", again(hammer(full ? 10'000 : 300, "")), true);
  expect("hammer, MULTIPROC_NO_WAITV=1", again(hammer(full ? 2'000 : 100, ""), true), true);
  expect("hammer, a seccomp filter says EPERM", again(hammer(full ? 500 : 50, "seccomp=EPERM")), true);
  expect("hammer, a seccomp filter says ENOSYS", again(hammer(full ? 500 : 50, "seccomp=ENOSYS")), true);
  expect("takeover", again({"takeover", full ? "rounds=2000" : "rounds=100"}), true);
  expect("takeover, MULTIPROC_NO_WAITV=1", again({"takeover", full ? "rounds=500" : "rounds=30"}, true), true);
  expect("takeover, seccomp", again({"takeover", full ? "rounds=500" : "rounds=30", "seccomp=EPERM"}), true);
  for (const char* rule : kBreaks) {
    if (strcmp(rule, "nothing") == 0) continue;
    std::string what = std::string("negative control: a rig that breaks the rule \"") + rule + "\" finds faults";
    std::string option = std::string("break=") + rule;
    expect(what.c_str(), again(hammer(2'000, option.c_str())), false);
  }
  printf("%s\n", wrong == 0 ? "all as expected" : "SOMETHING IS NOT AS EXPECTED");
  return wrong == 0 ? 0 : 1;
}

bool parse(const std::string& option, Settings* settings) {
  size_t equals = option.find('=');
  if (option.empty()) return true;
  if (equals == std::string::npos) return false;
  std::string key = option.substr(0, equals), value = option.substr(equals + 1);
  uint32_t number = static_cast<uint32_t>(atoi(value.c_str()));
  if (key == "kills")
    settings->kills = number;
  else if (key == "workers")
    settings->workers = number;
  else if (key == "seed")
    settings->seed = number;
  else if (key == "rounds")
    settings->rounds = number;
  else if (key == "seccomp")
    settings->seccomp = value == "EPERM" ? EPERM : ENOSYS;
  else if (key == "break") {
    for (uint32_t i = 0; i < std::size(kBreaks); i++) {
      if (value == kBreaks[i]) return settings->rule = static_cast<Break>(i), true;
    }
    return false;
  } else
    return false;
  return true;
}

void share_rig() {
  const char* inherited = getenv("MULTIPROC_CRASH_RIG");
  int fd = inherited != nullptr ? atoi(inherited) : memfd_create("crash-rig", 0);
  if (inherited == nullptr) {
    if (fd == -1 || ftruncate(fd, sizeof(Rig)) != 0) check::fail(__FILE__, __LINE__, "no memory for the rig");
    setenv("MULTIPROC_CRASH_RIG", std::to_string(fd).c_str(), 1);
    setenv("MULTIPROC_NAMESPACE", ("crash" + std::to_string(getpid())).c_str(), 1);
  }
  void* memory = mmap(nullptr, sizeof(Rig), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) check::fail(__FILE__, __LINE__, "the rig cannot be mapped");
  rig = static_cast<Rig*>(memory);
}

}  // namespace

int main(int argc, char** argv) {
  std::string what = argc > 1 ? argv[1] : "full";
  if (what == "worker") {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    share_rig();
    Worker(atoi(argv[2]), static_cast<uint32_t>(atoi(argv[3]))).run();
    return 0;
  }
  if (what == "full" || what == "short") return campaign(what == "full", argc > 2 ? argv[2] : "seed=1");
  Settings settings;
  for (int i = 2; i < argc; i++) {
    if (!parse(argv[i], &settings)) {
      printf("not understood: %s\n", argv[i]);
      return 2;
    }
  }
  if (settings.seccomp != 0) forbid_waitv(settings.seccomp);
  share_rig();
  int code = what == "takeover" ? takeover(settings) : Hammer(settings).run();
  for (const std::string& left : check::names()) sys::unlink_file(left);
  return code;
}
