// Parking on words of shared memory: futex(2), and futex_waitv(2) for several words.
//
// All calls are shared (never FUTEX_PRIVATE_FLAG): the waker may be another process.
#pragma once

#include <atomic>
#include <cstdint>

namespace multiproc::sys {

using Word = std::atomic<uint32_t>;
static_assert(sizeof(Word) == 4 && Word::is_always_lock_free, "a futex word is a plain 32-bit word");

// A set of words with their values when the caller decided to park.
class FutexSet {
 public:
  static constexpr int kMost = 128;  // the kernel's FUTEX_WAITV_MAX

  void clear() {
    count_ = 0;
    changed_ = false;
    overflowed_ = false;
  }

  // Adds a word once. Another value for the same word marks the set as changed: `futex_wait` returns at once. A word
  // beyond the capacity marks it as overflowed: the caller parks for a shorter time.
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

// Parks until a word of the set is woken or differs from its value, a signal arrives, or the deadline passes. May
// return early: the caller re-checks. Without futex_waitv it parks on the first word alone.
void futex_wait(const FutexSet& set, int64_t deadline_ns);

// Wakes up to `count` waiters (negative: all); returns their number.
int futex_wake(Word* word, int count);

// Returns whether the kernel and the sandbox allow futex_waitv. MULTIPROC_NO_WAITV=1 in the environment disables it.
bool has_futex_waitv();

// Returns the upper bound on one park. A waker that dies between its store and its wake thus delays the waiters, but
// does not hang them. Without futex_waitv an owner's death is noticed only by re-checking, so the bound is lower.
int64_t longest_park_ns();

}  // namespace multiproc::sys
