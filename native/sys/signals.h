// Signals put off for a moment in which the process could not do with them what it should.
#pragma once

namespace multiproc::sys {

// From now on signals to this thread wait, but for those that its own faults raise. A child that is forked meanwhile
// holds its own back, too.
void hold_signals();

// They come, and are let through as before.
void release_signals();

// SIGINT does nothing from now on. Not by a handler of libuv's: it would count what a forked child never gets, and keep
// the child's loop waiting for that.
void ignore_interrupts();

// SIGINT does what it did before.
void restore_interrupts();

}  // namespace multiproc::sys
