// The environment that /proc/PID/environ shows.
#include "sys/environment_block.h"

#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "sys/proc_text.h"

namespace multiproc::sys {

namespace {

// Fields of /proc/PID/stat, see proc(5).
constexpr int kStartCode = 26, kEndCode = 27, kStartStack = 28, kStartData = 45, kEndData = 46, kStartBreak = 47,
              kStartArguments = 48, kEndArguments = 49, kFieldCount = 53;

// Returns false if the kernel hides the addresses.
bool read_layout(prctl_mm_map* layout) {
  char stat[2048];
  read_start("/proc/self/stat", stat, sizeof(stat));
  char* field = strrchr(stat, ')');
  if (field == nullptr) return false;
  uint64_t fields[kFieldCount] = {};
  int number = 3;
  for (field = strtok(field + 1, " "); field != nullptr && number < kFieldCount; field = strtok(nullptr, " ")) {
    fields[number++] = strtoull(field, nullptr, 10);
  }
  layout->start_code = fields[kStartCode];
  layout->end_code = fields[kEndCode];
  layout->start_stack = fields[kStartStack];
  layout->start_data = fields[kStartData];
  layout->end_data = fields[kEndData];
  layout->start_brk = fields[kStartBreak];
  layout->arg_start = fields[kStartArguments];
  layout->arg_end = fields[kEndArguments];
  return number > kEndArguments && layout->start_stack != 0 && layout->arg_start != 0;
}

}  // namespace

bool can_replace_environment_block() {
  unsigned size = 0;
  return prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) == 0 && size == sizeof(prctl_mm_map);
}

Failure replace_environment_block(const std::string& block) {
  prctl_mm_map layout = {};
  if (!read_layout(&layout)) return {EACCES, "open"};
  size_t size = block.size() + 1;
  // Never freed: the kernel may read this mapping at any time.
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return {errno, "mmap"};
  memcpy(memory, block.data(), block.size());
  layout.env_start = reinterpret_cast<uintptr_t>(memory);
  layout.env_end = layout.env_start + block.size();
  layout.brk = reinterpret_cast<uintptr_t>(sbrk(0));
  layout.exe_fd = static_cast<uint32_t>(-1);
  if (prctl(PR_SET_MM, PR_SET_MM_MAP, &layout, sizeof(layout), 0) != 0) {
    int code = errno;
    munmap(memory, size);
    return {code, "prctl"};
  }
  return {};
}

}  // namespace multiproc::sys
