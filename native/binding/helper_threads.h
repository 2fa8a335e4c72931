// What V8 leaves to others in a forked child, which has no helper threads.
#pragma once

namespace multiproc::binding {

// Runs what V8 has put off until the event loop of this thread comes to it: compiled WebAssembly, weak references that
// were collected. Node does that before it takes an empty loop for the end. False if there was nothing, or if this Node
// does not show its platform.
bool run_engine_tasks();

}  // namespace multiproc::binding
