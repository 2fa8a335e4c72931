// A Node program and a Python program share memory, and take turns with two semaphores.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { SharedMemory } from 'multiproc';
import { semOpen, semUnlink } from 'multiproc/posix';

const name = `example.python.${process.pid}`;
const memory = SharedMemory.create({ name, size: 4096 });
const numbers = new Float64Array(memory.buffer, 0, 4);
const ready = semOpen(`/${name}.ready`, { create: true, value: 0 });
const done = semOpen(`/${name}.done`, { create: true, value: 0 });

const source = `
import sys
from _multiprocessing import SemLock
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

name = sys.argv[1]
shared = SharedMemory(name)
resource_tracker.unregister(shared._name, "shared_memory")  # it is not ours to remove
ready, done = (SemLock._rebuild(0, 1, 2**31 - 1, f"/{name}.{end}") for end in ("ready", "done"))

ready.acquire()
numbers = shared.buf[:32].cast("d")
for i in range(4):
    numbers[i] = numbers[i] ** 2
numbers.release()
done.release()
shared.close()
`;

const python = spawn('python3', ['-c', source, name], { stdio: 'inherit' });
const ended = once(python, 'exit');
numbers.set([1.5, 2, 3, -4]);
ready.post();
console.log(await done.wait(30_000), [...numbers]); // → true [ 2.25, 4, 9, 16 ]

await ended;
for (const semaphore of [ready, done]) semaphore.close();
for (const end of ['ready', 'done']) semUnlink(`/${name}.${end}`);
memory.close();
memory.unlink();
