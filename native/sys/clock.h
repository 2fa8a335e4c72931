// Monotonic time in nanoseconds. Below the JavaScript edge there are only deadlines, no durations.
#pragma once

#include <time.h>

#include <algorithm>
#include <cstdint>

namespace multiproc::sys {

constexpr int64_t kForever = INT64_MAX;
constexpr int64_t kMillisecond = 1'000'000;

inline int64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

// The milliseconds until a deadline for poll(2) and its kin, rounded up so that nobody wakes just before it; −1: none.
inline int timeout_until(int64_t deadline_ns) {
  if (deadline_ns == kForever) return -1;
  int64_t left = deadline_ns - monotonic_ns();
  if (left <= 0) return 0;
  return static_cast<int>(std::min<int64_t>((left + kMillisecond - 1) / kMillisecond, 1'000'000'000));
}

}  // namespace multiproc::sys
