// Registry of objects that own a thread, with their mutexes held around a fork.
#pragma once

#include <algorithm>
#include <mutex>
#include <vector>

#include "sys/fork.h"

namespace multiproc::sys {

// Registers each living State of a class. State has a `mutex`, held around a fork, and a `forget()`, which restores the
// state before the thread's start in the child.
template <typename State>
class ForkMembers {
 public:
  static void add(State* state) {
    static const bool hooked = (on_fork({lock, unlock, forget}), true);
    (void)hooked;
    std::lock_guard<std::mutex> guard(members().mutex);
    members().all.push_back(state);
  }

  static void remove(State* state) {
    std::lock_guard<std::mutex> guard(members().mutex);
    auto& all = members().all;
    all.erase(std::find(all.begin(), all.end(), state));
  }

 private:
  struct Members {
    std::mutex mutex;
    std::vector<State*> all;
  };

  // Never destroyed: threads may run while the process exits.
  static Members& members() {
    static Members& members = *new Members;
    return members;
  }

  static void lock() {
    members().mutex.lock();
    for (State* state : members().all) state->mutex.lock();
  }

  static void unlock() {
    for (State* state : members().all) state->mutex.unlock();
    members().mutex.unlock();
  }

  static void forget() {
    for (State* state : members().all) state->forget();
    unlock();
  }
};

}  // namespace multiproc::sys
