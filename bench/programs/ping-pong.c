// The floor in C: two processes wake each other in turn by a bare futex, without looking before they sleep. Prints the
// time from one side to the other.
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kRounds = 30000, kBatches = 9 };

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static int compare(const void* a, const void* b) {
  double difference = *(const double*)a - *(const double*)b;
  return difference < 0 ? -1 : difference > 0;
}

static void set(_Atomic uint32_t* word) {
  atomic_store(word, 1);
  syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void wait_for(_Atomic uint32_t* word) {
  while (atomic_load(word) == 0) syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
  atomic_store(word, 0);
}

int main(void) {
  _Atomic uint32_t* words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  _Atomic uint32_t *ping = words, *pong = words + 16;
  int total = kRounds * (kBatches + 1);
  if (fork() == 0) {
    for (int i = 0; i < total; ++i) {
      wait_for(ping);
      set(pong);
    }
    _exit(0);
  }
  double times[kBatches];
  for (int batch = -1; batch < kBatches; ++batch) {
    double start = now_ns();
    for (int i = 0; i < kRounds; ++i) {
      set(ping);
      wait_for(pong);
    }
    if (batch >= 0) times[batch] = (now_ns() - start) / kRounds / 2;
  }
  wait(NULL);
  qsort(times, kBatches, sizeof times[0], compare);
  printf("{\"us\": %.3f}\n", times[kBatches / 2] / 1000);
  return 0;
}
