// Signals held back, ignored or filtered.
#pragma once

#include <signal.h>

namespace multiproc::sys {

// Holds this thread's signals back while it exists, except those of the thread's own faults. A child or thread created
// meanwhile inherits the mask.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  sigset_t before_;
};

// Does the same until release_signals.
void hold_signals();

// Restores the mask from before the first hold_signals, also in a forked child.
void release_signals();

// Replaces Node's handler of SIGINT and SIGTERM without listeners by the default action. It would restore the modes of
// the terminal and the standard descriptors, which a forked process shares.
void end_by_signals_alone();

// Ignores SIGHUP, SIGINT, SIGQUIT and SIGTERM, which go to whole process groups. Not by a libuv handler: it would count
// signals that a forked child never gets, and keep the child's loop waiting.
void ignore_group_signals();

void restore_group_signals();

// Leaves the same four signals to the parent: this process acts on them only if the parent or this process itself sent
// them, and then only on SIGTERM or if the program has a listener. libuv replaces a signal's action at its first
// listener and after its last: call this again then. Not by SIG_IGN, which would hide the parent's SIGTERM and which
// executed programs would inherit.
void leave_signals_to(pid_t parent);

// Undoes leave_signals_to, for a forked child.
void take_signals_back();

}  // namespace multiproc::sys
