"""CPython: add one to a multiprocessing.Value under its lock."""
import json
import multiprocessing
import statistics
import time


def batch(value, n):
    for _ in range(n):
        with value.get_lock():
            value.value += 1


def main():
    value = multiprocessing.Value("i", 0)
    n = 20_000
    times = []
    for index in range(-3, 15):
        start = time.perf_counter_ns()
        batch(value, n)
        elapsed = time.perf_counter_ns() - start
        if index >= 0:
            times.append(elapsed / n)
    print(json.dumps({"ns": statistics.median(times)}))


if __name__ == "__main__":
    main()
