// A tie of this process's life to another's.
#include "sys/life_tie.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "sys/grace.h"
#include "sys/thread.h"

namespace multiproc::sys {

namespace {

constexpr useconds_t kLook = 20'000;

struct Tie {
  int process;
  int64_t grace_ns;
};

void* watch(void* context) {
  Tie tie = *static_cast<Tie*>(context);
  delete static_cast<Tie*>(context);
  pollfd ended = {tie.process, POLLIN, 0};
  while (poll(&ended, 1, -1) == -1 && errno == EINTR) {
  }
  kill(getpid(), SIGTERM);
  Grace grace(getpid(), tie.grace_ns);
  while (!grace.over()) usleep(kLook);
  kill(getpid(), SIGKILL);
  return nullptr;
}

}  // namespace

Failure tie_life_to(int process, int64_t grace_ns) {
  Tie* tie = new Tie{process, grace_ns};
  pthread_t thread;
  if (Failure failure = start_thread(watch, tie, &thread)) {
    delete tie;
    return failure;
  }
  pthread_detach(thread);
  return {};
}

}  // namespace multiproc::sys
