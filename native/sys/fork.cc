// fork(2) for a process that holds a JavaScript engine: what must be put right around the call, in parent and child.
#include "sys/fork.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "sys/absent_waiters.h"
#include "sys/event_loop.h"

namespace multiproc::sys {

namespace {

struct HookTable {
  std::mutex mutex;
  std::vector<ForkHooks> hooks;
};

// Never destroyed: a fork may happen while the process exits.
HookTable& table() {
  static HookTable& table = *new HookTable;
  return table;
}

// Device memory and the kernel's own pages: whoever mapped those chose what a child gets of them.
bool is_special(const char* path) { return strncmp(path, "/dev/", 5) == 0 || strncmp(path, "[v", 2) == 0; }

// V8 marks its heap MADV_DONTFORK, and a child that touches a page it did not get dies of SIGSEGV. The mark is not told
// apart from anybody else's without reading /proc/self/smaps, which takes milliseconds for a large heap; on a mapping
// without it the call changes nothing. MADV_WIPEONFORK, which random number generators use, is another flag and stays.
Failure inherit_private_mappings() {
  FILE* maps = fopen("/proc/self/maps", "re");
  if (maps == nullptr) return {errno, "fopen"};
  // The list is read whole first: a change to a mapping while the file is read may repeat or skip lines.
  struct Range {
    uintptr_t start, end;
  };
  std::vector<Range> ranges;
  char* line = nullptr;
  size_t capacity = 0;
  while (getline(&line, &capacity, maps) != -1) {
    unsigned long start = 0, end = 0;
    char permissions[5] = "";
    int path = 0;
    if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %n", &start, &end, permissions, &path) < 3) continue;
    if (permissions[3] != 'p' || (path > 0 && is_special(line + path))) continue;
    ranges.push_back({start, end});
  }
  free(line);
  fclose(maps);
  for (const Range& range : ranges) {
    // EINVAL: the kernel forbids it for this mapping (VM_IO); ENOMEM: another thread unmapped a part meanwhile.
    madvise(reinterpret_cast<void*>(range.start), range.end - range.start, MADV_DOFORK);
  }
  return {};
}

// Whether a thread of this process is on a processor, or about to be.
bool runs(const char* tid) {
  char path[300];
  snprintf(path, sizeof path, "/proc/self/task/%s/stat", tid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file == -1) return false;
  char stat[256];
  ssize_t size = read(file, stat, sizeof stat - 1);
  close(file);
  stat[size > 0 ? size : 0] = '\0';
  const char* name_end = strrchr(stat, ')');
  return name_end != nullptr && name_end[1] != '\0' && name_end[2] == 'R';
}

bool another_thread_runs() {
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return false;
  char self[24];
  snprintf(self, sizeof self, "%ld", static_cast<long>(syscall(SYS_gettid)));
  bool found = false;
  while (const dirent* entry = readdir(tasks)) {
    if (entry->d_name[0] == '.' || strcmp(entry->d_name, self) == 0) continue;
    if (runs(entry->d_name)) {
      found = true;
      break;
    }
  }
  closedir(tasks);
  return found;
}

// A thread that is forked while it holds a lock holds it for ever in the child, and V8's helpers take their queue's
// lock for a moment after each garbage collection, whatever flags V8 was given. Asleep they hold none. The wait is
// bounded: a thread that computes for long is not one of those. On a busy machine one that wants a moment's work may
// wait tens of milliseconds for a processor.
void await_quiet_threads() {
  constexpr int kLooks = 1000;
  constexpr useconds_t kPause = 100;
  for (int look = 0; look < kLooks && another_thread_runs(); look++) usleep(kPause);
}

[[noreturn]] void abandon(const char* call) {
  dprintf(STDERR_FILENO, "The forked child could not be set up: %s failed\n", call);
  _exit(1);
}

}  // namespace

void on_fork(const ForkHooks& hooks) {
  std::lock_guard<std::mutex> guard(table().mutex);
  table().hooks.push_back(hooks);
}

Failure fork_process(void* loop, pid_t* pid) {
  if (Failure missing = EventLoop::available()) return missing;

  HookTable& registered = table();
  registered.mutex.lock();
  const std::vector<ForkHooks>& hooks = registered.hooks;
  for (auto hook = hooks.rbegin(); hook != hooks.rend(); ++hook) {
    if (hook->prepare != nullptr) hook->prepare();
  }
  AbsentWaiters absent;
  // After the hooks, which may allocate; what another thread maps from here on is its own.
  Failure failure = inherit_private_mappings();
  if (!failure) {
    await_quiet_threads();
    absent.note();
    *pid = fork();
    if (*pid == -1) failure = {errno, "fork"};
  }
  bool is_child = !failure && *pid == 0;
  if (is_child) absent.forget();
  for (const ForkHooks& hook : hooks) {
    void (*after)() = is_child ? hook.child : hook.parent;
    if (after != nullptr) after();
  }
  registered.mutex.unlock();
  // An error returned from here would be taken for the parent's.
  if (is_child && !EventLoop(loop).fork()) abandon("uv_loop_fork");
  return failure;
}

}  // namespace multiproc::sys
