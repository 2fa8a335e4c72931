// The floor in C: add one to a number atomically.
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { kBatches = 15, kIterations = 1000000 };

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static int compare(const void* a, const void* b) {
  double difference = *(const double*)a - *(const double*)b;
  return difference < 0 ? -1 : difference > 0;
}

static _Atomic int word;

int main(void) {
  double times[kBatches];
  for (int batch = -2; batch < kBatches; ++batch) {
    double start = now_ns();
    for (int i = 0; i < kIterations; ++i) atomic_fetch_add(&word, 1);
    if (batch >= 0) times[batch] = (now_ns() - start) / kIterations;
  }
  qsort(times, kBatches, sizeof times[0], compare);
  printf("{\"ns\": %.3f}\n", times[kBatches / 2]);
}
