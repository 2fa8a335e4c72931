// The floor in C: acquire and release what nobody else wants. "cas": a pair of compare-and-swap; "mutex": a robust,
// process-shared pthread mutex, which is what notices the death of its owner.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
static pthread_mutex_t mutex;

static void cas_pairs(int n) {
  for (int i = 0; i < n; ++i) {
    int expected = 0;
    if (!atomic_compare_exchange_strong(&word, &expected, 5)) abort();
    expected = 5;
    if (!atomic_compare_exchange_strong(&word, &expected, 0)) abort();
  }
}

static void mutex_pairs(int n) {
  for (int i = 0; i < n; ++i) {
    if (pthread_mutex_lock(&mutex) != 0) abort();
    pthread_mutex_unlock(&mutex);
  }
}

int main(int count, char** arguments) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&mutex, &attributes);
  void (*pairs)(int) = count > 1 && strcmp(arguments[1], "mutex") == 0 ? mutex_pairs : cas_pairs;
  double times[kBatches];
  for (int batch = -2; batch < kBatches; ++batch) {
    double start = now_ns();
    pairs(kIterations);
    if (batch >= 0) times[batch] = (now_ns() - start) / kIterations;
  }
  qsort(times, kBatches, sizeof times[0], compare);
  printf("{\"ns\": %.3f}\n", times[kBatches / 2]);
}
