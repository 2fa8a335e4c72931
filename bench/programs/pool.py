"""CPython's Pool under one kind of load: LOAD, with two workers."""

import collections
import json
import multiprocessing
import sys
import time

SIZE = 2


def nothing():
    pass


def twice(x):
    return 2 * x


def echo(value):
    return value


def best(rounds, run):
    least = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        least = min(least, time.perf_counter() - start)
    return least


def flood(pool):
    count = 20_000

    def run():
        for result in [pool.apply_async(nothing) for _ in range(count)]:
            result.get()

    return {"perSecond": count / best(2, run)}


def round_trip(pool):
    times = []
    for _ in range(2000):
        start = time.perf_counter()
        pool.apply(nothing)
        times.append((time.perf_counter() - start) * 1e6)
    times = sorted(times[500:])
    return {"p50": times[len(times) // 2]}


def map_integers(pool):
    items = list(range(1_000_000))
    return {"perSecond": len(items) / best(3, lambda: pool.map(twice, items))}


def buffers(pool, size, count, in_flight):
    data = bytes(size)

    def run():
        waiting = collections.deque()
        for _ in range(count):
            if len(waiting) == in_flight:
                waiting.popleft().get()
            waiting.append(pool.apply_async(echo, (data,)))
        for result in waiting:
            result.get()

    return {"perSecond": count / best(2, run)}


if __name__ == "__main__":
    loads = {
        "flood": flood,
        "roundTrip": round_trip,
        "map": map_integers,
        "kib64": lambda pool: buffers(pool, 64 * 1024, 500, 64),
        "kib64Flood": lambda pool: buffers(pool, 64 * 1024, 500, 500),
        "mib": lambda pool: buffers(pool, 1024 * 1024, 50, 16),
    }
    with multiprocessing.Pool(SIZE) as pool:
        pool.apply(nothing)
        print(json.dumps(loads[sys.argv[1]](pool)))
