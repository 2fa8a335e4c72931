"""CPython: two processes hand over in turn, by two events or by one condition: µs from one side to the other."""
import json
import multiprocessing
import statistics
import sys
import time

ROUNDS, BATCHES = 2000, 9


def event_side(mine, other, rounds):
    for _ in range(rounds):
        mine.wait()
        mine.clear()
        other.set()


def event_batch(mine, other, rounds):
    for _ in range(rounds):
        other.set()
        mine.wait()
        mine.clear()


def condition_turns(condition, turn, me, rounds):
    with condition:
        for _ in range(rounds):
            while turn.value != me:
                condition.wait()
            turn.value = 1 - me
            condition.notify()


def main(kind):
    total = ROUNDS * (BATCHES + 1)
    if kind == "event":
        ping, pong = multiprocessing.Event(), multiprocessing.Event()
        child = multiprocessing.Process(target=event_side, args=(ping, pong, total))
        batch = lambda: event_batch(pong, ping, ROUNDS)
    else:
        condition, turn = multiprocessing.Condition(), multiprocessing.RawValue("i", 0)
        child = multiprocessing.Process(target=condition_turns, args=(condition, turn, 1, total))
        batch = lambda: condition_turns(condition, turn, 0, ROUNDS)
    child.start()
    batch()
    times = []
    for _ in range(BATCHES):
        start = time.perf_counter()
        batch()
        times.append((time.perf_counter() - start) / ROUNDS / 2 * 1e6)
    child.join()
    print(json.dumps({"us": statistics.median(times)}))


if __name__ == "__main__":
    main(sys.argv[1])
