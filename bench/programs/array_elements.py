"""CPython: read, change and write every element of a multiprocessing.RawArray."""
import json
import multiprocessing
import statistics
import time


def batch(array, length, rounds):
    for _ in range(rounds):
        for i in range(length):
            array[i] = array[i] * 0.5 + 1


def main():
    length, rounds = 1000, 20
    array = multiprocessing.RawArray("d", length)
    times = []
    for index in range(-2, 9):
        start = time.perf_counter_ns()
        batch(array, length, rounds)
        elapsed = time.perf_counter_ns() - start
        if index >= 0:
            times.append(elapsed / (length * rounds))
    print(json.dumps({"ns": statistics.median(times)}))


if __name__ == "__main__":
    main()
