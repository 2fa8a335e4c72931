# CPython: time from start() to the first line of a target, and the whole of start and join, one child after the other.
import json
import multiprocessing
import statistics
import sys
import time


def first_line(at):
    at.value = time.monotonic_ns()


def nothing():
    pass


if __name__ == '__main__':
    method, times = sys.argv[1], int(sys.argv[2])
    context = multiprocessing.get_context(method)
    if method == 'forkserver':
        context.set_forkserver_preload(['__main__'])
    at = context.Value('q', 0)

    def start(target, args=()):
        child = context.Process(target=target, args=args)
        began = time.monotonic_ns()
        child.start()
        child.join()
        return began

    start(nothing)
    first = []
    for _ in range(min(times, 30)):
        began = start(first_line, (at,))
        first.append((at.value - began) / 1e6)
    before = time.monotonic_ns()
    for _ in range(times):
        start(nothing)
    each = (time.monotonic_ns() - before) / 1e6 / times
    print(json.dumps({'first': statistics.median(first), 'each': each}))
