// Signals put off for a moment in which the process could not do with them what it should.
#pragma once

#include <signal.h>

namespace multiproc::sys {

// For as long as this exists signals to this thread wait, but for those that its own faults raise. A child and a thread
// that are made meanwhile hold theirs back, too.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  sigset_t before_;
};

// The same until release_signals, for what takes more than one block of code.
void hold_signals();

// They come, and are let through as before the first of those calls: also in a child that was forked meanwhile.
void release_signals();

// Node's own end by SIGINT and SIGTERM, where nobody listens to them, first gives the terminal and the standard
// descriptors the modes that they had at the program's start. They are not this process's alone if it was forked: it
// ends by the signal, and nothing else.
void end_by_signals_alone();

// Ignores SIGHUP, SIGINT, SIGQUIT and SIGTERM, which go to whole process groups. Not by a handler of libuv's: it would
// count what a forked child never gets, and keep the child's loop waiting for that.
void ignore_group_signals();

// Restores the actions that ignore_group_signals has replaced.
void restore_group_signals();

// Leaves the same four signals to the parent: this process acts on them only if the parent or this process itself sent
// them, and then only on SIGTERM or where the program listens. libuv replaces the action of a signal when its first
// listener comes and its last one goes: call this again then. Not by SIG_IGN, which would hide the parent's SIGTERM and
// which programs that this process executes would inherit.
void leave_signals_to(pid_t parent);

// Undoes leave_signals_to, for a forked child.
void take_signals_back();

}  // namespace multiproc::sys
