// The exit status of a process, read through a pidfd.
#include "sys/process_end.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sys/proc_text.h"

namespace multiproc::sys {

namespace {

// struct pidfd_info of <linux/pidfd.h> in Linux 6.15; the kernel accepts this size and larger ones.
struct PidfdInfo {
  uint64_t mask;
  uint64_t cgroup;
  uint32_t pid, tgid, ppid;
  uint32_t ids[8];
  int32_t status;
};
static_assert(sizeof(PidfdInfo) == 64, "the first size that was published");
constexpr uint64_t kExit = 1 << 3;

constexpr int kStatusField = 52;  // of /proc/PID/stat

bool told_by_pidfd(int pidfd, int* status) {
  PidfdInfo info = {};
  info.mask = kExit;
  if (ioctl(pidfd, _IOWR(0xFF, 11, PidfdInfo), &info) != 0 || (info.mask & kExit) == 0) return false;
  *status = info.status;
  return true;
}

// Returns the pid in /proc of an unreaped process; otherwise a value that is no pid.
int pid_of(int pidfd) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
  read_start(path, text, sizeof text);
  const char* line = strstr(text, "\nPid:");
  return line == nullptr ? -1 : atoi(line + strlen("\nPid:"));
}

// Checks the permission by a link with the same rule: unpermitted readers see a status of 0.
bool may_see(int pid) {
  char path[64], target[64];
  snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
  return readlink(path, target, sizeof target) > 0;
}

bool told_by_proc(int pidfd, int* status) {
  int pid = pid_of(pidfd);
  if (pid <= 0) return false;
  char path[64], text[2048];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  read_start(path, text, sizeof text);
  if (state_of(text) != 'Z') return false;
  const char* field = strrchr(text, ')');
  for (int number = 2; field != nullptr && number < kStatusField; number++) field = strchr(field + 1, ' ');
  if (field == nullptr) return false;
  *status = atoi(field);
  if (*status == 0 && !may_see(pid)) return false;
  // Unchanged: a pid is reused only after its process is reaped.
  return pid_of(pidfd) == pid;
}

}  // namespace

bool process_end(int pidfd, ChildEnd* end) {
  static const char* off = getenv("MULTIPROC_NO_EXIT_INFO");
  if (off != nullptr && off[0] == '1') return false;
  int status = 0;
  // In this order: the second call finds a process that is reaped during the first.
  if (!told_by_proc(pidfd, &status) && !told_by_pidfd(pidfd, &status)) return false;
  *end = end_of(status);
  return true;
}

}  // namespace multiproc::sys
