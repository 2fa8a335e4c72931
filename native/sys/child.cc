// Starting a child program.
#include "sys/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "sys/signals.h"

namespace multiproc::sys {

namespace {

// Data for the child between vfork and exec, when it uses the parent's memory and must not allocate.
struct Plan {
  const char* file;
  char** arguments;
  char** environment;
  const char* directory;
  int* descriptors;  // overwritten by the child
  int count;
  Failure failure;
};

// Before unblocking: a handler that ran in the child would run in the parent's memory.
void reset_signals() {
  for (int number = 1; number < NSIG; number++) {
    struct sigaction action;
    if (sigaction(number, nullptr, &action) != 0) continue;
    if (action.sa_handler == SIG_DFL || (action.sa_handler == SIG_IGN && number != SIGPIPE)) continue;
    action = {};
    action.sa_handler = SIG_DFL;
    sigaction(number, &action, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

Failure place_descriptors(int* descriptors, int count) {
  // First move descriptors out of 0..count-1, so that no dup2 overwrites one that is still needed.
  for (int i = 0; i < count; i++) {
    if (descriptors[i] >= count) continue;
    descriptors[i] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, count);
    if (descriptors[i] == -1) return {errno, "fcntl"};
  }
  for (int i = 0; i < count; i++) {
    if (dup2(descriptors[i], i) == -1) return {errno, "dup2"};
  }
#ifdef SYS_close_range
  // Descriptors opened without O_CLOEXEC. Before Linux 5.9 the child inherits them.
  syscall(SYS_close_range, static_cast<unsigned>(count), ~0U, 0U);
#endif
  return {};
}

[[noreturn]] void run(Plan* plan) {
  Failure failure = place_descriptors(plan->descriptors, plan->count);
  if (!failure && chdir(plan->directory) != 0) failure = {errno, "chdir"};
  if (!failure) {
    reset_signals();
    execve(plan->file, plan->arguments, plan->environment);
    failure = {errno, "execve"};
  }
  plan->failure = failure;
  _exit(127);
}

// Separate, because the child must leave vfork's caller only by exec or _exit.
__attribute__((noinline)) pid_t start(Plan* plan) {
  pid_t pid = vfork();
  if (pid == 0) run(plan);
  // The child wrote to this memory, which the compiler does not see.
  __asm__ volatile("" : : "r"(plan) : "memory");
  return pid;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));
  result.push_back(nullptr);
  return result;
}

}  // namespace

Failure spawn_process(const SpawnRequest& request, pid_t* pid) {
  std::vector<char*> arguments = pointers(request.arguments);
  std::vector<char*> environment = pointers(request.environment);
  // Element by element: copying the vector needs a newer libstdc++.
  std::vector<int> descriptors;
  for (int fd : request.descriptors) descriptors.push_back(fd);
  Plan plan = {request.file.c_str(),
               arguments.data(),
               environment.data(),
               request.directory.c_str(),
               descriptors.data(),
               static_cast<int>(descriptors.size()),
               Failure{}};
  {
    HeldSignals held;
    *pid = start(&plan);
    if (*pid == -1) return {errno, "vfork"};
  }
  if (plan.failure) {
    while (waitpid(*pid, nullptr, 0) == -1 && errno == EINTR) {
    }
  }
  return plan.failure;
}

}  // namespace multiproc::sys
