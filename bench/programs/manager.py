"""CPython: `get` of a dict in a manager's server: µs, median and 99th percentile, and calls per second."""
import json
import multiprocessing
import time

if __name__ == "__main__":
    with multiprocessing.Manager() as manager:
        shared = manager.dict({"a": 1, "b": "two"})
        rounds = 20000
        times = []
        for i in range(-1000, rounds):
            start = time.perf_counter()
            shared.get("a" if i & 1 else "b")
            if i >= 0:
                times.append(time.perf_counter() - start)
        total = sum(times)
        times.sort()
        print(json.dumps({
            "p50": times[rounds // 2] * 1e6,
            "p99": times[rounds * 99 // 100] * 1e6,
            "perSecond": rounds / total,
        }))
