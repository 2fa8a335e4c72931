// Ours: so many processes pass one barrier again and again: rounds per second. Arguments: parties; sync or promise.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Barrier } from 'multiproc';
import { median } from '../harness/statistics.js';
import { report } from './measure.js';

const [parties, form, given] = process.argv.slice(2);
const rounds = 500;
const batches = 11;
const name = given ?? `bench-barrier-${process.pid}`;
const barrier = new Barrier(Number(parties), { name });

if (process.send) {
  process.send('ready');
  await pass(rounds * (batches + 1));
  process.disconnect();
} else {
  const script = fileURLToPath(import.meta.url);
  const children = Array.from({ length: Number(parties) - 1 }, () => fork(script, [parties, form, name]));
  const ended = children.map((child) => once(child, 'exit'));
  await Promise.all(children.map((child) => once(child, 'message')));
  await pass(rounds);
  const rates = [];
  for (let batch = 0; batch < batches; batch++) {
    const start = performance.now();
    await pass(rounds);
    rates.push((rounds / (performance.now() - start)) * 1000);
  }
  await Promise.all(ended);
  barrier.unlink();
  report({ perSecond: median(rates) });
}

async function pass(count) {
  for (let i = 0; i < count; i++) {
    if (form === 'sync') barrier.waitSync();
    else await barrier.wait();
  }
}
