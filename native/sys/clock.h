// Monotonic time in nanoseconds. Code below the JavaScript API uses deadlines, never durations.
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

// Converts a deadline to a timeout in milliseconds for poll(2) and epoll_wait(2), rounded up to avoid waking just
// before it; -1: no deadline.
inline int timeout_until(int64_t deadline_ns) {
  if (deadline_ns == kForever) return -1;
  int64_t left = deadline_ns - monotonic_ns();
  if (left <= 0) return 0;
  return static_cast<int>(std::min<int64_t>((left + kMillisecond - 1) / kMillisecond, 1'000'000'000));
}

}  // namespace multiproc::sys
