// A MessagePort between two threads: `KIND COUNT`.
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { report } from './measure.js';
import { messages } from './messages.js';

if (isMainThread) {
  const [kind, count] = process.argv.slice(2);
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { kind, count: Number(count) } });
  let got = 0;
  let start = 0;
  worker.on('message', () => {
    if (got++ === 0) start = performance.now();
    if (got === Number(count)) report({ perSecond: Number(count) / ((performance.now() - start) / 1000) });
  });
} else {
  const { kind, count } = workerData;
  for (let i = 0; i < count; i++) parentPort.postMessage(messages[kind](i));
}
