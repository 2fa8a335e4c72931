// fork(2) for a process with a JavaScript engine.
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
#include "sys/proc_text.h"
#include "sys/signals.h"

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

// Device memory and the kernel's own pages: the code that mapped them chose what a child inherits.
bool is_special(const char* path) { return strncmp(path, "/dev/", 5) == 0 || strncmp(path, "[v", 2) == 0; }

struct Range {
  uintptr_t start, end;
};

// Reads all of /proc/self/maps before any change to a mapping, which may make the kernel repeat or skip lines.
Failure read_mappings(std::vector<char>* text) {
  constexpr size_t kPiece = 1 << 14;  // the kernel returns 4 KiB at a time
  int maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (maps == -1) return {errno, "open"};
  size_t size = 0;
  for (;;) {
    if (text->size() - size < kPiece / 2) text->resize(text->size() + kPiece);
    ssize_t got = read(maps, text->data() + size, text->size() - size - 1);
    if (got > 0) {
      size += static_cast<size_t>(got);
      continue;
    }
    Failure failure = {got == 0 ? 0 : errno, "read"};
    close(maps);
    (*text)[size] = '\0';
    return failure;
  }
}

// Line format: 7f00-7f10 rw-p 00000000 00:00 0   /path, the path optional.
bool is_private(const char* line, Range* range) {
  char* next = nullptr;
  range->start = strtoul(line, &next, 16);
  if (*next != '-') return false;
  range->end = strtoul(next + 1, &next, 16);
  if (strlen(next) < strlen(" rw-p ") || next[4] != 'p') return false;
  next += strlen(" rw-p ");
  for (int field = 0; field < 3; field++) {
    next += strcspn(next, " ");
    next += strspn(next, " ");
  }
  return !is_special(next);
}

// EINVAL: the kernel forbids it for this mapping (VM_IO); ENOMEM: another thread unmapped a part.
bool inherit(const Range& range) {
  return madvise(reinterpret_cast<void*>(range.start), range.end - range.start, MADV_DOFORK) == 0;
}

// Removes MADV_DONTFORK from all private mappings. V8 sets it on its heap, and a child dies by SIGSEGV when it touches
// such a page. Finding V8's mappings alone would need /proc/self/smaps, milliseconds for a large heap; on unmarked
// mappings the call changes nothing. MADV_WIPEONFORK, a different flag of random number generators, stays.
Failure inherit_private_mappings() {
  std::vector<char> text;
  if (Failure failure = read_mappings(&text)) return failure;
  std::vector<Range> ranges;
  for (char* line = text.data(); *line != '\0';) {
    char* end = strchrnul(line, '\n');
    bool last = *end == '\0';
    *end = '\0';
    Range range;
    if (is_private(line, &range)) ranges.push_back(range);
    line = last ? end : end + 1;
  }
  // Merging adjacent ranges halves the number of calls.
  for (size_t first = 0, next = 0; first < ranges.size(); first = next) {
    for (next = first + 1; next < ranges.size() && ranges[next].start == ranges[next - 1].end;) next++;
    if (inherit({ranges[first].start, ranges[next - 1].end}) || next == first + 1) continue;
    // A refusal leaves the rest of the range unprocessed: retry one by one.
    for (size_t each = first; each < next; each++) inherit(ranges[each]);
  }
  return {};
}

// Returns whether a thread is running or runnable.
bool runs(const char* tid) {
  char path[300];
  snprintf(path, sizeof path, "/proc/self/task/%s/stat", tid);
  char stat[256];
  read_start(path, stat, sizeof stat);
  return state_of(stat) == 'R';
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

// Waits until the other threads sleep. A lock that another thread holds at the fork stays locked in the child, and V8's
// helper threads, under any flags, briefly lock their queue after each garbage collection. Asleep they hold no lock.
// The wait is bounded: a thread that computes for long is not a helper. On a busy machine a helper may wait tens of
// milliseconds for a processor.
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
  // Until the child has its own loop, its handlers would write to the parent's signal pipe.
  HeldSignals held;
  // After the hooks, which may allocate; later mappings belong to other threads.
  Failure failure = inherit_private_mappings();
  if (!failure) {
    await_quiet_threads();
    absent.note();
    *pid = fork();
    if (*pid == -1) failure = {errno, "fork"};
  }
  bool is_child = !failure && *pid == 0;
  if (is_child) {
    absent.forget();
    end_by_signals_alone();
  }
  for (const ForkHooks& hook : hooks) {
    void (*after)() = is_child ? hook.child : hook.parent;
    if (after != nullptr) after();
  }
  registered.mutex.unlock();
  // In the child the error would be taken for the parent's.
  if (is_child && !EventLoop(loop).fork()) abandon("uv_loop_fork");
  return failure;
}

}  // namespace multiproc::sys
