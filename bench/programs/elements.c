// The floor in C: read, change and write every element of an array, one after the other as JavaScript does.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { kBatches = 15, kLength = 1000, kRounds = 1000 };

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static int compare(const void* a, const void* b) {
  double difference = *(const double*)a - *(const double*)b;
  return difference < 0 ? -1 : difference > 0;
}

int main(void) {
  double* array = calloc(kLength, sizeof *array);
  double times[kBatches];
  for (int batch = -2; batch < kBatches; ++batch) {
    double start = now_ns();
    for (int round = 0; round < kRounds; ++round) {
      for (int i = 0; i < kLength; ++i) {
        array[i] = array[i] * 0.5 + 1;
        __asm__ volatile("" : : "r"(array) : "memory");  // Without this, it would be vectorised.
      }
    }
    if (batch >= 0) times[batch] = (now_ns() - start) / (kLength * (double)kRounds);
  }
  qsort(times, kBatches, sizeof times[0], compare);
  printf("{\"ns\": %.3f}\n", times[kBatches / 2]);
  free(array);
}
