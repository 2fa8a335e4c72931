/** Starts three counters that know nothing of each other, kills one while it holds the lock, and checks the total. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { inspect, SharedArray, unlinkAll, Value } from 'multiproc';

const additions = 10_000;
const name = `demo.counter.${process.pid}`;
const counter = fileURLToPath(new URL(`counter${extname(import.meta.url)}`, import.meta.url));

const total = new Value('i', 0, { name: `${name}.total` });
const log = new SharedArray('i', 1_000_000, { name: `${name}.log` });

try {
  const [one, two, victim] = [start(additions), start(additions), start(Infinity)];
  while ([one, two, victim].some((child) => entries(child) < 1000)) await sleep(5);
  await killInside(victim);
  await Promise.all([ended(one), ended(two)]);
  // Should the others have been done before the kill, somebody must still come who puts things in order.
  const newcomer = start(1);
  await ended(newcomer);
  report([one, two, newcomer], victim);
} finally {
  unlinkAll(name);
}

function start(count: number): ChildProcess {
  return spawn(process.execPath, [counter, String(count)], {
    env: { ...process.env, COUNTER_NAME: name },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

/** Stops it, looks whether it holds the lock just then, and lets it go on if not. */
async function killInside(victim: ChildProcess): Promise<void> {
  for (;;) {
    victim.kill('SIGSTOP');
    await sleep(1);
    if (inspect(`${name}.lock`).lock?.holder?.pid === victim.pid) break;
    victim.kill('SIGCONT');
    await sleep(1);
  }
  console.log(`\ndemo: ${victim.pid} holds the lock; SIGKILL`);
  victim.kill('SIGKILL');
  await ended(victim);
}

function report(survivors: ChildProcess[], victim: ChildProcess): void {
  const counts = [...survivors, victim].map(entries);
  const right =
    total.value === log.filter((entry) => entry !== 0).length &&
    counts[0] === additions &&
    counts[1] === additions &&
    counts[2] === 1;
  console.log(`demo: total ${total.value} = ${counts.join(' + ')} (the killed one): ${right ? 'correct' : 'WRONG'}`);
  process.exitCode = right ? 0 : 1;
}

function entries(child: ChildProcess): number {
  return log.filter((entry) => entry === child.pid).length;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
