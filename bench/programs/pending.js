// Ours: how a process fares while it waits for many locks that another process holds: files, threads and CPU.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Lock } from 'multiproc';
import { median } from '../harness/statistics.js';
import { report } from './measure.js';

if (process.send) await hold(process.argv[2], Number(process.argv[3]));
else await measure(Number(process.argv[2]));

async function hold(prefix, count) {
  const locks = Array.from({ length: count }, (_, index) => new Lock({ name: `${prefix}-${index}` }));
  for (const lock of locks) lock.acquireSync();
  process.send('held');
  await once(process, 'message');
  for (const lock of locks) lock.release();
  process.disconnect();
}

async function measure(count) {
  const prefix = `bench-pending-${process.pid}`;
  const holder = fork(fileURLToPath(import.meta.url), [prefix, String(count)]);
  await once(holder, 'message');
  await readLatency(); // Starts libuv's pool, so that its thread is not counted as ours.
  const threads = readdirSync('/proc/self/task').length;

  const locks = Array.from({ length: count }, (_, index) => Lock.open(`${prefix}-${index}`));
  const waits = locks.map((lock) => lock.acquire());
  await sleep(100);
  const readFile = await readLatency();
  const more = readdirSync('/proc/self/task').length - threads;
  const before = process.cpuUsage();
  const idle = 3000;
  await sleep(idle);
  const { user, system } = process.cpuUsage(before);

  holder.send('release');
  await Promise.all(waits);
  for (const lock of locks) lock.unlink();
  report({ readFile, threads: more, cpu: (user + system) / 10 / idle });
}

async function readLatency() {
  const path = fileURLToPath(import.meta.url);
  const times = [];
  for (let index = -100; index < 500; index++) {
    const start = performance.now();
    await readFile(path);
    if (index >= 0) times.push((performance.now() - start) * 1000);
  }
  return median(times);
}
