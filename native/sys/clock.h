// Monotonic time in nanoseconds. Below the JavaScript edge there are only deadlines, no durations.
#pragma once

#include <time.h>

#include <cstdint>

namespace multiproc::sys {

constexpr int64_t kForever = INT64_MAX;
constexpr int64_t kMillisecond = 1'000'000;

inline int64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

}  // namespace multiproc::sys
