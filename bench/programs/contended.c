// C: two processes take turns under one robust, process-shared pthread mutex, each with about 100 ns of work inside and
// 100 ns outside.
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const double kSeconds = 2.5;

struct Shared {
  pthread_mutex_t mutex;
  double total;
  double counts[2];
  _Atomic int ready;
};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

static __attribute__((noinline)) uint32_t work(int steps, uint32_t x) {
  for (int i = 0; i < steps; ++i) {
    x = x * 1664525u + 1013904223u;
    __asm__ volatile("" : "+r"(x));
  }
  return x;
}

static int steps_for(double nanoseconds) {
  double best = 1e9;
  volatile uint32_t x = 1;
  for (int round = 0; round < 20; ++round) {
    double start = now();
    for (int i = 0; i < 1000; ++i) x = work(1000, x);
    double each = (now() - start) * 1e9 / 1e6;
    if (each < best) best = each;
  }
  return (int)(nanoseconds / best + 0.5);
}

static double contend(struct Shared* shared, int steps) {
  atomic_fetch_add(&shared->ready, 1);
  while (atomic_load(&shared->ready) < 2) usleep(100);
  double end = now() + kSeconds;
  uint64_t count = 0;
  volatile uint32_t x = 1;
  while (count % 64 != 0 || now() < end) {
    if (pthread_mutex_lock(&shared->mutex) != 0) abort();
    shared->total += 1;
    x = work(steps, x);
    pthread_mutex_unlock(&shared->mutex);
    x = work(steps, x);
    ++count;
  }
  return (double)count;
}

int main(void) {
  struct Shared* shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) abort();
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&shared->mutex, &attributes);
  int steps = steps_for(100);
  for (int index = 0; index < 2; ++index) {
    if (fork() == 0) {
      shared->counts[index] = contend(shared, steps);
      _exit(0);
    }
  }
  while (wait(NULL) > 0) {
  }
  double done = shared->counts[0] + shared->counts[1];
  double smaller = shared->counts[0] < shared->counts[1] ? shared->counts[0] : shared->counts[1];
  printf("{\"perSecond\": %.0f, \"exact\": %s, \"smallerShare\": %.1f}\n", done / kSeconds,
         shared->total == done ? "true" : "false", 100 * smaller / done);
}
