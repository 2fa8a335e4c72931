// The floor for large messages: slots in a SharedArrayBuffer between two threads, one store a message, without locks,
// records, growth or crash guarantees; the receiver copies into a Buffer of its own. `KIND COUNT SLOTS`.
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { report } from './measure.js';
import { messages } from './messages.js';

const [kind, count, slots] = process.argv.slice(2);
const n = Number(count);
const size = messages[kind]().length;
const first = 4096;

// words[0]: messages put; words[16]: messages taken
const memory = workerData ?? new SharedArrayBuffer(first + Number(slots) * size);
const words = new Int32Array(memory);
const bytes = new Uint8Array(memory);
const place = (i) => first + (i % Number(slots)) * size;

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { workerData: memory, argv: process.argv.slice(2) });
  await new Promise((resolve) => worker.once('message', resolve));
  const start = performance.now();
  for (let i = 0; i < n; i++) {
    for (let taken = Atomics.load(words, 16); i - taken >= Number(slots); taken = Atomics.load(words, 16)) {
      Atomics.wait(words, 16, taken);
    }
    bytes.set(messages[kind](i), place(i));
    Atomics.store(words, 0, i + 1);
    Atomics.notify(words, 0);
  }
  await new Promise((resolve) => worker.once('exit', resolve));
  report({ perSecond: n / ((performance.now() - start) / 1000) });
} else {
  const { parentPort } = await import('node:worker_threads');
  parentPort.postMessage('ready');
  let last;
  for (let i = 0; i < n; i++) {
    while (Atomics.load(words, 0) === i) Atomics.wait(words, 0, i);
    last = Buffer.allocUnsafeSlow(size);
    last.set(new Uint8Array(memory, place(i), size));
    Atomics.store(words, 16, i + 1);
    Atomics.notify(words, 16);
  }
  if (last[size - 1] !== 1) throw new Error('the messages are damaged');
}
