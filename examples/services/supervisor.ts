// Stops a unit as systemd does: SIGTERM to every process, and SIGKILL to those that are left after a time-out.
// The service has a pool, whose workers leave the signal to it.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainProcess, Pool } from 'multiproc';

const stopTimeoutMs = 10_000;

/** Some work that takes 300 ms. */
export async function slowly(n: number): Promise<number> {
  await sleep(300);
  return n + 1;
}

if (isMainProcess) {
  if (process.argv[2] === 'service') await serve();
  else await supervise();
}

async function serve(): Promise<void> {
  const pool = new Pool(2);
  await pool.run(slowly, 0);
  const work = pool.map(slowly, [1, 2, 3, 4], { chunksize: 1 });
  // A service lives until it is told to stop: a server that listens, for example.
  const service = setInterval(() => {}, 60_000);
  process.once('SIGTERM', async () => {
    clearInterval(service);
    const done = await pool.drain(stopTimeoutMs / 2);
    console.log('results', await work);
    console.log(done ? 'all work was finished' : 'some work was cut short');
  });
  console.log('started');
}

async function supervise(): Promise<void> {
  // A process group of its own stands for the unit's control group.
  const service = spawn(process.execPath, [fileURLToPath(import.meta.url), 'service'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => service.once('close', (code, signal) => resolve(signal ?? code)));
  for await (const line of createInterface({ input: service.stdout })) {
    console.log(line); // → started
    // → results [ 2, 3, 4, 5 ]
    // → all work was finished
    if (line === 'started') void stop(service, ended);
  }
  console.log('ended with', await ended); // → ended with 0
}

async function stop(service: ChildProcess, ended: Promise<unknown>): Promise<void> {
  const group = -(service.pid as number);
  process.kill(group, 'SIGTERM');
  const late = await Promise.race([ended, sleep(stopTimeoutMs, 'late', { ref: false })]);
  if (late === 'late') process.kill(group, 'SIGKILL');
}
