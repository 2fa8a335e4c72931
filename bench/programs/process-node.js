// child_process.fork: the same with Node's own means.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { median } from '../harness/statistics.js';
import { report } from './measure.js';

if (process.send) {
  process.send(String(process.hrtime.bigint()), () => process.disconnect());
} else {
  const times = Number(process.argv[2]);
  const file = fileURLToPath(import.meta.url);
  const first = [];
  const before = process.hrtime.bigint();
  for (let i = 0; i < times; i++) {
    const began = process.hrtime.bigint();
    const child = fork(file);
    const ended = once(child, 'exit');
    const [at] = await once(child, 'message');
    first.push(Number(BigInt(at) - began) / 1e6);
    await ended;
  }
  report({ first: median(first), each: Number(process.hrtime.bigint() - before) / 1e6 / times });
}
