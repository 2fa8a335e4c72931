/** A program with a pool and a manager that hears signals to its process group. Its argument is a start method. */
import { Event, isMainProcess, Manager, Pool, Queue, type StartMethod } from 'multiproc';
import { hear, tell } from '../harness/parent.js';
import { linger, spin } from './spin.js';

// Not guarded on purpose: workers load this module, too.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const) {
  process.on(signal, () => (isMainProcess ? tell(signal) : process.exit(9)));
}

export function stay(begun: Queue, release: Event, item: number): number {
  begun.putSync(process.pid);
  release.waitSync();
  return item;
}

/** A library in the worker whose listener comes and goes. */
export function listenAndLeave(): void {
  const listener = () => {};
  process.removeAllListeners('SIGTERM');
  process.on('SIGTERM', listener).off('SIGTERM', listener);
}

if (isMainProcess) await main(process.argv[2] as StartMethod);

async function main(context: StartMethod): Promise<void> {
  const begun = new Queue();
  const release = new Event();
  const pool = new Pool(2, { context });
  const manager = await Manager({ context });
  const list = await manager.list([1]);
  await pool.map(listenAndLeave, [1, 2, 3, 4], { chunksize: 1 });
  const tasks = [1, 2, 3].map((item) => pool.run(stay, begun, release, item));
  await begun.getMany(1);
  await begun.getMany(1);
  await tell('busy');
  await hear();
  const draining = pool.drain(60_000);
  const refused = await pool.run(stay, begun, release, 4).catch((error: Error) => error.name);
  release.set();
  const results = await Promise.all(tasks);
  const drained = await draining;
  await list.append(2);
  await tell({ results, drained, refused, list: await list.getValue(), lost: pool.stats().lost });
  await manager.shutdown();

  // A worker that spins and has no listener ends by its parent's SIGTERM, long before the grace is over. A forked one has
  // the parent's listeners.
  const stuck = new Pool(1, { context, grace: context === 'fork' ? 50 : 600_000 });
  const spinning = stuck.run(spin, begun).catch((error: Error) => error);
  await begun.get();
  const done = await stuck.drain(50);
  const error = (await spinning) as Error;
  await tell({ done, name: error.name, message: error.message, workers: stuck.stats().workers.length });

  // A server without listeners ends by its creator's SIGTERM alone; a forked one has the parent's.
  const other = await Manager({ context });
  if (context !== 'fork') other.process?.interrupt();
  await other.list();
  other.process?.terminate();
  await other.join();
  await tell(other.process?.exitCode);
  await other.shutdown();

  if (context !== 'fork') await undo(context, begun);
  process.disconnect();
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']) process.removeAllListeners(signal);
}

async function undo(context: StartMethod, begun: Queue): Promise<void> {
  const plain = new Pool(1, { context, signals: 'default' });
  const lost = plain.run(linger, begun).catch((error: Error) => error);
  await begun.get();
  await tell('busy');
  await tell(((await lost) as Error).name);
  plain.terminate();
  await plain.join();
}
