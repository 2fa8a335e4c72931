/**
 * Node processes that share a lock, robust permits and data are killed with SIGKILL at random moments.
 *
 * MULTIPROC_CRASH_KILLS sets how many (default 40; `npm run test:crash` takes 500), MULTIPROC_CRASH_SEED repeats a run's
 * choices (not its timing).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Lock, list, Semaphore, SharedArray, sweep } from 'multiproc';
import t from 'tap';
import { leaveNothing } from './harness/leftovers.js';
import { type Program, program } from './harness/program.js';
import { freshName } from './harness/remote.js';

t.setTimeout(600_000);
leaveNothing(t);

const kills = Number(process.env.MULTIPROC_CRASH_KILLS ?? 40);
const seed = Number(process.env.MULTIPROC_CRASH_SEED ?? Date.now() % 1e9);
const crew = 4;

t.test(`${kills} kills: nothing hangs, nothing is torn unnoticed, no permit is lost`, async (t) => {
  t.comment(`seed ${seed}`);
  const random = generator(seed);
  const name = freshName(t);
  const lock = new Lock({ name: `${name}lock` });
  const permits = new Semaphore(2, { name: `${name}permits`, robust: true });
  const state = new SharedArray('i', 6, { name: `${name}state` });
  let started = 0;
  const start = async () => {
    const child = program(t, 'crasher', { args: [name, started++ % 2 === 0 ? 'sync' : 'promise'], timeout: 600_000 });
    await child.message();
    return child;
  };
  const children: Program[] = await Promise.all(Array.from({ length: crew }, start));
  for (let kill = 0; kill < kills; kill++) {
    const index = Math.floor(random() * crew);
    const victim = children[index] as Program;
    await sleep(random() * 8);
    victim.kill();
    const { signal } = await victim.ended;
    if (signal !== 'SIGKILL') {
      t.fail(`a program found a fault: ${await victim.line().catch((error) => error.message)}`);
      return;
    }
    // Somebody must get on, with whatever the victim held.
    const before = state[3];
    const replaced = start();
    for (let waited = 0; state[3] === before; waited++) {
      if (waited > 3000) return t.fail('nobody got on for 30 seconds');
      await sleep(10);
    }
    children[index] = await replaced;
  }
  for (const child of children) child.send('end');
  for (const child of children) t.equal(await child.message(), 'done');
  t.equal(await lock.acquire(5000), true, 'the lock can be had');
  t.comment(`${state[3]} sections, ${state[4]} times told of a death`);
  lock.release();
  t.equal(permits.getValue(), 2, 'all permits are back');
  for (const object of [lock, permits, state]) object.close();
  sweep();
  t.strictSame(
    list().filter((info) => info.name === null && info.openers.length === 0),
    [],
    'nothing is left after one sweep',
  );
});

/** Numbers in 0 … 1 that a seed repeats (a linear congruential generator with Knuth's MMIX constants). */
function generator(start: number): () => number {
  let value = BigInt(start);
  return () => {
    value = (value * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return Number(value >> 11n) / 2 ** 53;
  };
}
