// Inherited attributes of a process.
#include "sys/process_attributes.h"

#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "sys/proc_text.h"

namespace multiproc::sys {

namespace {

constexpr size_t kTextSize = 8192;  // bytes; larger than any of the files read here

// Lines of /proc/thread-self/status about inherited state.
constexpr const char* kStatusLines[] = {
    "Uid:",
    "Gid:",
    "Groups:",
    "NSpgid:",
    "NSsid:",
    "CapInh:",
    "CapPrm:",
    "CapEff:",
    "CapBnd:",
    "CapAmb:",
    "NoNewPrivs:",
    "Seccomp:",
    "Speculation_Store_Bypass:",
    "SpeculationIndirectBranch:",
    "THP_enabled:",
    "Seccomp_filters:",
    "Cpus_allowed:",
    "Mems_allowed:",
};

constexpr const char* kNamespaces[] = {"mnt", "net", "ipc", "uts", "user", "cgroup", "pid_for_children"};

void append(std::string* text, const char* name, const std::string& value) {
  *text += name;
  *text += '\t';
  *text += value;
  *text += '\n';
}

void append_status(std::string* text) {
  char status[kTextSize];
  read_start("/proc/thread-self/status", status, sizeof(status));
  for (char* line = strtok(status, "\n"); line != nullptr; line = strtok(nullptr, "\n")) {
    for (const char* name : kStatusLines) {
      if (strncmp(line, name, strlen(name)) != 0) continue;
      *text += line;
      *text += '\n';
      break;
    }
  }
}

void append_file(std::string* text, const char* name, const char* path) {
  char content[kTextSize];
  read_start(path, content, sizeof(content));
  // One line, so that a comparison of lines can name the attribute.
  for (char* next = content; *next != '\0'; next++) {
    if (*next == '\n') *next = ';';
  }
  append(text, name, content);
}

void append_link(std::string* text, const char* name, const char* path) {
  char target[512];
  ssize_t length = readlink(path, target, sizeof(target));
  append(text, name, std::string(target, length > 0 ? static_cast<size_t>(length) : 0));
}

void append_scheduling(std::string* text) {
  sched_param parameters = {};
  sched_getparam(0, &parameters);
  append(text, "nice", std::to_string(getpriority(PRIO_PROCESS, 0)));
  append(text, "scheduler", std::to_string(sched_getscheduler(0)) + " " + std::to_string(parameters.sched_priority));
  constexpr int kThisThread = 1;  // IOPRIO_WHO_PROCESS of linux/ioprio.h
  append(text, "io priority", std::to_string(syscall(SYS_ioprio_get, kThisThread, 0)));
  append(text, "timer slack", std::to_string(prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0)));
}

}  // namespace

std::string inherited_attributes() {
  std::string text;
  append_status(&text);
  append_file(&text, "limits", "/proc/self/limits");
  append_scheduling(&text);
  append(&text, "secure bits", std::to_string(prctl(PR_GET_SECUREBITS, 0, 0, 0, 0)));
  append(&text, "personality", std::to_string(personality(0xffffffff)));
  for (const char* name : kNamespaces) {
    append_link(&text, name, (std::string("/proc/thread-self/ns/") + name).c_str());
  }
  append_link(&text, "root directory", "/proc/thread-self/root");
  append_file(&text, "control groups", "/proc/thread-self/cgroup");
  append_file(&text, "oom_score_adj", "/proc/self/oom_score_adj");
  append_file(&text, "coredump_filter", "/proc/self/coredump_filter");
  return text;
}

int inherited_umask() {
  char status[512];
  read_start("/proc/thread-self/status", status, sizeof(status));
  const char* line = strstr(status, "\nUmask:");
  return line == nullptr ? -1 : static_cast<int>(strtol(line + strlen("\nUmask:"), nullptr, 8));
}

}  // namespace multiproc::sys
