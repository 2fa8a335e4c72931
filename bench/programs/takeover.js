// Ours: how long a waiting process waits for a lock after its owner was killed with SIGKILL.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Lock } from 'multiproc';
import { quantile } from '../harness/statistics.js';
import { report } from './measure.js';

const roles = { own, wait };
if (process.send) await roles[process.argv[2]](...process.argv.slice(3));
else await referee(process.argv[2], Number(process.argv[3]));

async function own(name) {
  const lock = Lock.open(name);
  process.send('ready');
  await once(process, 'message');
  lock.acquireSync();
  process.send('held');
  await new Promise(() => setInterval(() => {}, 60_000));
}

async function wait(name, form) {
  const lock = Lock.open(name);
  process.on('message', async (message) => {
    if (message === 'end') return process.disconnect();
    // Sent before the wait begins: a blocked thread sends nothing.
    await new Promise((resolve) => process.send('waiting', resolve));
    if (form === 'sync') lock.acquireSync();
    else await lock.acquire();
    const at = process.hrtime.bigint();
    const { ownerDied } = lock;
    lock.markConsistent();
    lock.release();
    process.send({ at: String(at), ownerDied });
  });
  process.send('ready');
}

async function referee(form, kills) {
  const name = `bench-takeover-${process.pid}`;
  const lock = new Lock({ name });
  // Waits until the process is up, so that its start does not compete for the processors with what is measured.
  const start = async (role) => {
    const child = fork(fileURLToPath(import.meta.url), [role, name, form]);
    await once(child, 'message');
    return child;
  };
  const waiter = await start('wait');
  const times = [];
  let untold = 0;
  for (let kill = 0; kill < kills; kill++) {
    const owner = await start('own');
    owner.send('acquire');
    await once(owner, 'message');
    waiter.send('wait');
    await once(waiter, 'message');
    await sleep(20); // The waiter says that it is about to wait, and cannot say that it waits.
    const killed = process.hrtime.bigint();
    owner.kill('SIGKILL');
    const [{ at, ownerDied }] = await once(waiter, 'message');
    times.push(Number(BigInt(at) - killed) / 1000);
    if (!ownerDied) untold++;
  }
  waiter.send('end');
  await once(waiter, 'exit');
  lock.unlink();
  report({ p50: quantile(times, 0.5), p99: quantile(times, 0.99), longest: Math.max(...times), untold });
}
