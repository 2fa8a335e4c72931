"""CPython: make and drop a multiprocessing.Value, which has a semaphore, or a RawValue."""
import json
import multiprocessing
import multiprocessing.sharedctypes
import statistics
import sys
import time

makers = {"value": lambda: multiprocessing.Value("i", 0), "raw": lambda: multiprocessing.sharedctypes.RawValue("i", 0)}


def main():
    make = makers[sys.argv[1]]
    n = 2000
    times = []
    for index in range(-3, 15):
        start = time.perf_counter_ns()
        for _ in range(n):
            make()
        elapsed = time.perf_counter_ns() - start
        if index >= 0:
            times.append(elapsed / n)
    print(json.dumps({"us": statistics.median(times) / 1000}))


if __name__ == "__main__":
    main()
