# CPython: messages from producers to consumers, each a process: KIND CLASS COUNT PRODUCERS CONSUMERS.
import json
import multiprocessing
import sys
import time

MESSAGES = {"integer": 12345, "text": "x" * 100, "kib": b"x" * 1024, "kib64": b"x" * 65536, "mib": b"x" * 1048576}


def put(queue, results, message, count):
    results.put(time.monotonic())
    for _ in range(count):
        queue.put(message)


def get(queue, results, message, count):
    for _ in range(count):
        queue.get()
    results.put(time.monotonic())


if __name__ == "__main__":
    kind, form, count, producers, consumers = sys.argv[1:6]
    count, producers, consumers = int(count), int(producers), int(consumers)
    queue = getattr(multiprocessing, form)()
    results = multiprocessing.Queue()
    crew = [multiprocessing.Process(target=put, args=(queue, results, MESSAGES[kind], count // producers)) for _ in range(producers)]
    crew += [multiprocessing.Process(target=get, args=(queue, results, None, count // consumers)) for _ in range(consumers)]
    for process in crew:
        process.start()
    times = [results.get() for _ in crew]
    for process in crew:
        process.join()
    print(json.dumps({"perSecond": count / (max(times) - min(times))}))
