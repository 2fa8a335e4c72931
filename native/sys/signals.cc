// Signals held back, ignored or filtered.
#include "sys/signals.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

#include <iterator>

namespace multiproc::sys {

namespace {

thread_local sigset_t before;
thread_local bool holding = false;

// Signals to a whole process group from a terminal, a shell or a supervisor.
constexpr int kGroupSignals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
constexpr size_t kGroupSignalCount = std::size(kGroupSignals);

struct sigaction ignored_before[kGroupSignalCount];

// The actions that leave_signals_to saved, and the process whose SIGTERM counts.
struct sigaction left_before[kGroupSignalCount];
volatile pid_t left_to = 0;

using Handler = void (*)(int, siginfo_t*, void*);

// Returns Node's handler for a signal without a listener.
Handler end_of_node() {
  static const auto found = reinterpret_cast<Handler>(dlsym(RTLD_DEFAULT, "_ZN4node10SignalExitEiP9siginfo_tPv"));
  return found;
}

// Node installs that handler without SA_SIGINFO.
bool ends_process(const struct sigaction& action) {
  return action.sa_handler == SIG_DFL || action.sa_sigaction == end_of_node();
}

// Runs in a signal handler. Node's handler raises the signal again, and expects the default action by then.
void act(const struct sigaction& action, int number, siginfo_t* info, void* context) {
  if (ends_process(action)) {
    struct sigaction end = {};
    end.sa_handler = SIG_DFL;
    sigaction(number, &end, nullptr);
  }
  if (action.sa_handler == SIG_IGN) return;
  if (action.sa_handler == SIG_DFL) {
    // Delivered when this handler returns; the signal is blocked until then.
    raise(number);
  } else {
    action.sa_sigaction(number, info, context);
  }
}

// From any other process it went to the whole group: the parent decides about this process.
void filter(int number, siginfo_t* info, void* context) {
  if (info->si_pid != left_to && info->si_pid != getpid()) return;
  for (size_t i = 0; i < kGroupSignalCount; i++) {
    if (kGroupSignals[i] != number) continue;
    const struct sigaction before = left_before[i];
    if (number == SIGTERM || !ends_process(before)) act(before, number, info, context);
  }
}

bool is_filtered(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == filter;
}

void hold(sigset_t* before) {
  sigset_t held;
  sigfillset(&held);
  constexpr int kFaults[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
  for (int fault : kFaults) sigdelset(&held, fault);
  pthread_sigmask(SIG_SETMASK, &held, before);
}

}  // namespace

HeldSignals::HeldSignals() { hold(&before_); }

HeldSignals::~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

void hold_signals() {
  if (!holding) hold(&before);
  holding = true;
}

void release_signals() {
  if (holding) pthread_sigmask(SIG_SETMASK, &before, nullptr);
  holding = false;
}

void end_by_signals_alone() {
  const Handler own = end_of_node();
  if (own == nullptr) return;
  constexpr int kEnds[] = {SIGINT, SIGTERM};
  for (int number : kEnds) {
    struct sigaction action;
    if (sigaction(number, nullptr, &action) != 0 || action.sa_sigaction != own) continue;
    action = {};
    action.sa_handler = SIG_DFL;
    sigaction(number, &action, nullptr);
  }
}

void ignore_group_signals() {
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  for (size_t i = 0; i < kGroupSignalCount; i++) sigaction(kGroupSignals[i], &ignore, &ignored_before[i]);
}

void restore_group_signals() {
  for (size_t i = 0; i < kGroupSignalCount; i++) sigaction(kGroupSignals[i], &ignored_before[i], nullptr);
}

void leave_signals_to(pid_t parent) {
  // Looked up now: dlsym must not run in a signal handler.
  end_of_node();
  left_to = parent;
  struct sigaction action = {};
  action.sa_sigaction = filter;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigfillset(&action.sa_mask);
  HeldSignals held;
  for (size_t i = 0; i < kGroupSignalCount; i++) {
    struct sigaction current;
    if (sigaction(kGroupSignals[i], nullptr, &current) != 0 || is_filtered(current)) continue;
    left_before[i] = current;
    sigaction(kGroupSignals[i], &action, nullptr);
  }
}

void take_signals_back() {
  for (size_t i = 0; i < kGroupSignalCount; i++) {
    struct sigaction current;
    if (sigaction(kGroupSignals[i], nullptr, &current) != 0 || !is_filtered(current)) continue;
    sigaction(kGroupSignals[i], &left_before[i], nullptr);
  }
}

}  // namespace multiproc::sys
