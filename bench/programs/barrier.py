"""CPython: so many processes pass one barrier again and again: rounds per second."""
import json
import multiprocessing
import statistics
import sys
import time

ROUNDS, BATCHES = 500, 7


def side(barrier, rounds):
    for _ in range(rounds):
        barrier.wait()


def main(parties):
    barrier = multiprocessing.Barrier(parties)
    total = ROUNDS * (BATCHES + 1)
    children = [multiprocessing.Process(target=side, args=(barrier, total)) for _ in range(parties - 1)]
    for child in children:
        child.start()
    side(barrier, ROUNDS)
    rates = []
    for _ in range(BATCHES):
        start = time.perf_counter()
        side(barrier, ROUNDS)
        rates.append(ROUNDS / (time.perf_counter() - start))
    for child in children:
        child.join()
    print(json.dumps({"perSecond": statistics.median(rates)}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
