// Sleeping on words of shared memory until somebody changes and wakes them: futex(2), and futex_waitv(2) for several.
//
// All calls are the shared kind (never FUTEX_PRIVATE_FLAG): the other side may be another process.
#pragma once

#include <atomic>
#include <cstdint>

namespace multiproc::sys {

using Word = std::atomic<uint32_t>;
static_assert(sizeof(Word) == 4 && Word::is_always_lock_free, "a futex word is a plain 32-bit word");

// A set of words with the values they had when the caller decided to sleep.
class FutexSet {
 public:
  static constexpr int kMost = 128;  // the kernel's FUTEX_WAITV_MAX

  void clear() {
    count_ = 0;
    changed_ = false;
    overflowed_ = false;
  }

  // A word that is there already is not added twice; with another value it has just changed, so nobody may sleep on it.
  // A word that does not fit only marks the set: the caller then sleeps for shorter.
  void add(Word* word, uint32_t expected);

  int count() const { return count_; }
  bool changed() const { return changed_; }
  bool overflowed() const { return overflowed_; }
  Word* word(int index) const { return words_[index]; }
  uint32_t expected(int index) const { return expected_[index]; }

 private:
  Word* words_[kMost];
  uint32_t expected_[kMost];
  int count_ = 0;
  bool changed_ = false;
  bool overflowed_ = false;
};

// Sleeps until one word of the set was woken or differs from its value, a signal came, or the deadline passed. May
// return early for no reason: the caller looks again. Where futex_waitv is missing it sleeps on the first word alone.
void futex_wait(const FutexSet& set, int64_t deadline_ns);

// Wakes up to `count` sleepers; returns how many there were.
int futex_wake(Word* word, int count);

// Whether this kernel and sandbox let us use futex_waitv. MULTIPROC_NO_WAITV=1 in the environment says no.
bool has_futex_waitv();

// How long one sleep may last. A sleep is always bounded: a waker that dies between its store and its wake-up costs a
// moment, never a hang. Without futex_waitv an owner's death is noticed only by looking, so the sleeps are shorter.
int64_t longest_park_ns();

}  // namespace multiproc::sys
