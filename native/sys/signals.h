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

// SIGINT does nothing from now on. Not by a handler of libuv's: it would count what a forked child never gets, and keep
// the child's loop waiting for that.
void ignore_interrupts();

// SIGINT does what it did before.
void restore_interrupts();

}  // namespace multiproc::sys
