// Signals put off for a moment in which the process could not do with them what it should.
#include "sys/signals.h"

#include <dlfcn.h>
#include <pthread.h>

namespace multiproc::sys {

namespace {

thread_local sigset_t before;
thread_local bool holding = false;

struct sigaction interrupt_before;

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
  using Handler = void (*)(int, siginfo_t*, void*);
  static const auto own = reinterpret_cast<Handler>(dlsym(RTLD_DEFAULT, "_ZN4node10SignalExitEiP9siginfo_tPv"));
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

void ignore_interrupts() {
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGINT, &ignore, &interrupt_before);
}

void restore_interrupts() { sigaction(SIGINT, &interrupt_before, nullptr); }

}  // namespace multiproc::sys
