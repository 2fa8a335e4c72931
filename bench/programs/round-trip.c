// The floor in C: a round trip between two processes that wake each other by a bare futex, after a rest of so many ms.
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

static double now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static int compare(const void* a, const void* b) {
  double difference = *(const double*)a - *(const double*)b;
  return difference < 0 ? -1 : difference > 0;
}

static void set(_Atomic uint32_t* word) {
  atomic_store(word, 1);
  syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void await_word(_Atomic uint32_t* word) {
  while (atomic_exchange(word, 0) == 0) syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
}

int main(int argc, char** argv) {
  int rest = argc > 1 ? atoi(argv[1]) : 0, rounds = rest > 0 ? 200 : 20000;
  _Atomic uint32_t* words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  double* times = malloc(sizeof(double) * rounds);
  if (fork() == 0) {
    for (int i = 0; i < rounds; i++) {
      await_word(&words[0]);
      set(&words[32]);
    }
    _exit(0);
  }
  for (int i = 0; i < rounds; i++) {
    if (rest > 0) usleep(rest * 1000);
    double start = now_us();
    set(&words[0]);
    await_word(&words[32]);
    times[i] = now_us() - start;
  }
  wait(NULL);
  qsort(times, rounds, sizeof *times, compare);
  printf("{\"p50\": %f, \"p99\": %f}\n", times[rounds / 2], times[rounds * 99 / 100]);
  return 0;
}
