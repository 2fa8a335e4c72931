// Children whose parent thread has ended.
#include "sys/left_children.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <vector>

namespace multiproc::sys {

namespace {

struct LeftChild {
  pid_t parent;  // differs from getpid() in a forked child
  pid_t pid;
};

// Never destroyed: threads may end while the process exits.
struct LeftChildren {
  std::mutex mutex;
  std::vector<LeftChild> all;
};

LeftChildren& left_children() {
  static auto* children = new LeftChildren;
  return *children;
}

bool is_done_with(const LeftChild& child) {
  return child.parent != getpid() || waitpid(child.pid, nullptr, WNOHANG) != 0;
}

}  // namespace

void leave_child(pid_t pid) {
  std::lock_guard<std::mutex> guard(left_children().mutex);
  left_children().all.push_back({getpid(), pid});
}

// Never blocks: a forked child may find the mutex held by a thread of its parent, and has no child to reap.
void reap_left_children() {
  if (!left_children().mutex.try_lock()) return;
  auto& all = left_children().all;
  all.erase(std::remove_if(all.begin(), all.end(), is_done_with), all.end());
  left_children().mutex.unlock();
}

}  // namespace multiproc::sys
