/** A Worker that ends because it has nothing left to do, after garbage collections of both kinds. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const source = `
  const { setFlagsFromString } = require('node:v8');
  const { runInNewContext } = require('node:vm');
  const { parentPort } = require('node:worker_threads');
  const kept = [];
  for (let i = 0; i < 100_000; i++) kept[i % 20_000] = { i, text: 'text ' + i };
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  parentPort.postMessage(kept.length);
`;

/** Resolves with what it said, once it has ended. */
export async function shortWorker(): Promise<unknown> {
  const worker = new Worker(source, { eval: true });
  const [[said], [code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
  if (code !== 0) throw new Error(`the Worker ended with exit code ${code}`);
  return said;
}
