/** Many clients at once, some of them killed at random: nothing hangs, no reference is left, and memory stays level. */
import { readFileSync } from 'node:fs';
import { Event, Manager, Process, sweep } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { keepBusy } from '../programs/manager-targets.js';

/** The long form: MULTIPROC_MANAGER_SOAK=600, in seconds, with 50 clients. */
const seconds = Number(process.env.MULTIPROC_MANAGER_SOAK ?? 0);
const clients = seconds > 0 ? 50 : 6;
const killed = seconds > 0 ? 10 : 2;
const pauseMs = seconds > 0 ? 1000 : 200;

/** KiB: garbage that waits for its collection, not what grows with every client. */
const mostGrowth = 64 * 1024;

t.setTimeout(900_000);

/** KiB that the process has in memory. */
function memoryOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]);
}

leaveNothing(t);
t.test('clients come, are killed, and go', async (t) => {
  const manager = await Manager();
  const dict = await manager.dict();
  const lock = await manager.Lock();
  const stop = await manager.Event();
  const objects = await manager.numberOfObjects();
  const start = async () => {
    const started = new Event();
    const client = new Process({ target: keepBusy, args: [dict, lock, stop, started] });
    client.start();
    await started.wait();
    started.close();
    return client;
  };
  const crew = await Promise.all(Array.from({ length: clients }, start));
  const until = performance.now() + seconds * 1000;
  let deaths = 0;
  const memory = () => memoryOf(manager.process?.pid as number);
  let settled = 0;
  do {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const victim = crew.splice(Math.floor(Math.random() * crew.length), 1)[0] as Process;
    victim.kill();
    await victim.join();
    deaths++;
    // By then the server has seen everything that it will see again.
    if (deaths === killed) settled = memory();
    crew.push(await start());
    t.equal(await manager.numberOfObjects(), objects);
  } while (performance.now() < until || deaths < killed);
  const grown = memory() - settled;
  t.comment(`${deaths} killed; the server grew by ${grown} KiB from ${settled}`);
  t.ok(grown < mostGrowth, 'memory is level');
  const before = (await dict.get('count')) as number;
  await lock.run(() => {});
  await stop.set();
  for (const client of crew) {
    await client.join();
    t.equal(client.exitCode, 0);
  }
  t.ok(((await dict.get('count')) as number) >= before, 'the lock was never lost');
  await dict.clear();
  await manager.shutdown();
  t.equal(manager.process?.exitCode, 0);
  sweep();
});
