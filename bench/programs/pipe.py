"""CPython: round trips of small integers through a Pipe to another process: µs, median and 99th percentile."""
import json
import multiprocessing
import sys
import time


def echo(end):
    while (value := end.recv()) is not None:
        end.send(value)


if __name__ == "__main__":
    rest = sys.argv[1:] == ["rest"]
    end, other = multiprocessing.Pipe()
    child = multiprocessing.Process(target=echo, args=(other,))
    child.start()
    rounds = 200 if rest else 20000
    times = []
    for i in range(-20 if rest else -1000, rounds):
        if rest:
            time.sleep(0.01)
        start = time.perf_counter()
        end.send(i & 127)
        end.recv()
        if i >= 0:
            times.append((time.perf_counter() - start) * 1e6)
    end.send(None)
    child.join()
    times.sort()
    print(json.dumps({"p50": times[rounds // 2], "p99": times[rounds * 99 // 100]}))
