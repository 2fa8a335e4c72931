"""CPython: acquire and release a multiprocessing.Lock that nobody else wants."""
import json
import multiprocessing
import statistics
import time


def batch(acquire, release, n):
    for _ in range(n):
        acquire()
        release()


def main():
    lock = multiprocessing.Lock()
    n = 100_000
    times = []
    for index in range(-3, 15):
        start = time.perf_counter_ns()
        batch(lock.acquire, lock.release, n)
        elapsed = time.perf_counter_ns() - start
        if index >= 0:
            times.append(elapsed / n)
    print(json.dumps({"ns": statistics.median(times)}))


if __name__ == "__main__":
    main()
