// A named POSIX semaphore, shared by plain name with programs in C and Python.
#pragma once

#include <semaphore.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "sys/futex.h"
#include "sys/result.h"

namespace multiproc::sys {

struct PosixSemaphoreRequest {
  std::string name;  // with its leading slash
  bool create = false;
  bool exclusive = false;
  mode_t mode = 0600;  // of a new semaphore; the umask applies
  uint32_t value = 0;  // of a new semaphore
};

// Owns one sem_open. The C library counts opens of a semaphore in a process: each is closed once.
class PosixSemaphore {
 public:
  static Failure open(const PosixSemaphoreRequest& request, std::shared_ptr<PosixSemaphore>* semaphore);
  static Failure unlink(const std::string& name);

  PosixSemaphore(const PosixSemaphore&) = delete;
  PosixSemaphore& operator=(const PosixSemaphore&) = delete;
  ~PosixSemaphore();

  bool try_wait();
  // Blocks until it takes a permit or the deadline passes. Signals do not end the wait.
  bool wait_until(int64_t deadline_ns);
  // EOVERFLOW: the value would exceed SEM_VALUE_MAX.
  Failure post();
  uint32_t value();

  // Returns the word to park on together with other words. Between `join` and `leave` every post wakes a waiter on the
  // word, whose value is then not 0. nullptr if the library's layout is unknown (musl): the caller polls.
  Word* word();
  void join();
  void leave();

 private:
  explicit PosixSemaphore(sem_t* semaphore) : semaphore_(semaphore) {}

  sem_t* semaphore_;
};

}  // namespace multiproc::sys
