// The time that a process gets to act.
#include "sys/grace.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "sys/clock.h"
#include "sys/proc_text.h"

namespace multiproc::sys {

namespace {

constexpr int kMostGraces = 10;

void read_text(pid_t pid, const char* name, char* text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", static_cast<int>(pid), name);
  read_start(path, text, size);
}

}  // namespace

Grace::Grace(pid_t pid, int64_t grace_ns)
    : pid_(pid), grace_(grace_ns), latest_(monotonic_ns() + kMostGraces * grace_ns), last_(look()) {}

Grace::Progress Grace::look() const {
  Progress progress;
  char text[512];
  read_text(pid_, "schedstat", text, sizeof text);
  if (sscanf(text, "%" SCNd64 " %" SCNd64, &progress.ran, &progress.waited) != 2) progress = {};
  read_text(pid_, "stat", text, sizeof text);
  progress.wants_processor = state_of(text) == 'R';
  progress.at = monotonic_ns();
  return progress;
}

bool Grace::over() {
  Progress now = look();
  int64_t passed = now.at - last_.at;
  bool counted = now.ran > 0;
  if (!counted) {
    used_ += passed;
  } else if (now.wants_processor) {
    // The current wait for a processor is not accounted for yet.
    used_ += std::min(passed, now.ran - last_.ran);
  } else {
    used_ += std::max<int64_t>(passed - (now.waited - last_.waited), 0);
  }
  last_ = now;
  return used_ >= grace_ || now.at >= latest_;
}

}  // namespace multiproc::sys
