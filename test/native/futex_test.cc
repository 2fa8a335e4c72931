// Sleeping on words: how long it lasts, what ends it, and that it stays a sleep where futex_waitv is taken away.
#include "sys/futex.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#include <thread>

#include "check.h"
#include "sys/clock.h"

using namespace multiproc;

namespace {

int64_t slept_ms(const sys::FutexSet& set, int64_t ms) {
  int64_t start = sys::monotonic_ns();
  sys::futex_wait(set, start + ms * sys::kMillisecond);
  return (sys::monotonic_ns() - start) / sys::kMillisecond;
}

bool forbid_waitv(int code) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 449, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(code)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {4, filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

TEST("a sleep lasts until its deadline, on one word or several") {
  sys::Word words[3] = {};
  sys::FutexSet set;
  for (auto& word : words) {
    set.add(&word, 0);
    CHECK(slept_ms(set, 20) >= 20);
  }
}

TEST("a word with another value, or with two, is no sleep") {
  sys::Word words[2] = {};
  sys::FutexSet set;
  set.add(&words[0], 0);
  set.add(&words[1], 1);
  if (sys::has_futex_waitv()) CHECK(slept_ms(set, 60'000) < 60'000);
  set.clear();
  set.add(&words[0], 0);
  set.add(&words[0], 0);
  CHECK(!set.changed());
  CHECK_EQUAL(set.count(), 1);
  set.add(&words[0], 7);
  CHECK(set.changed());
  CHECK(slept_ms(set, 60'000) < 60'000);
  set.clear();
  CHECK(slept_ms(set, 60'000) < 60'000);
}

TEST("any word of the set can be woken; 128 fit") {
  if (!sys::has_futex_waitv()) SKIP("no futex_waitv here");
  static sys::Word words[sys::FutexSet::kMost + 1];
  sys::FutexSet set;
  for (auto& word : words) set.add(&word, 0);
  CHECK(set.overflowed());
  CHECK_EQUAL(set.count(), sys::FutexSet::kMost);
  for (int index : {0, 1, 77, sys::FutexSet::kMost - 1}) {
    std::atomic<bool> awake{false};
    std::thread sleeper([&] {
      CHECK(slept_ms(set, 60'000) < 60'000);
      awake = true;
    });
    check::eventually(
        [&] {
          sys::futex_wake(&words[index], 1);
          return awake.load();
        },
        "the sleeper");
    sleeper.join();
  }
}

TEST("the sleep stays a sleep when a sandbox takes futex_waitv away after it was used") {
  for (int code : {EPERM, ENOSYS}) {
    check::Child child([&](check::Child&) {
      sys::Word words[2] = {};
      sys::FutexSet set;
      set.add(&words[0], 0);
      set.add(&words[1], 0);
      slept_ms(set, 1);
      if (!forbid_waitv(code)) _exit(77);
      CHECK(slept_ms(set, 10) >= 10);
      CHECK(!sys::has_futex_waitv());
      CHECK(slept_ms(set, 10) >= 10);
    });
    int ended = child.join();
    if (ended == 77) SKIP("no seccomp filter can be set here");
    CHECK_EQUAL(ended, 0);
  }
}

int main(int argc, char** argv) { return check::main(argc, argv); }
