/**
 * Node processes that wait at an event, a condition and a barrier are killed with SIGKILL at random moments, and nobody waits
 * in vain. MULTIPROC_CRASH_KILLS sets how many (default 20).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Barrier, Condition, Event, SharedArray } from 'multiproc';
import t from 'tap';
import { leaveNothing } from './harness/leftovers.js';
import { type Program, program } from './harness/program.js';
import { freshName } from './harness/remote.js';
import { until } from './harness/until.js';

t.setTimeout(600_000);
leaveNothing(t);

const kills = Number(process.env.MULTIPROC_CRASH_KILLS ?? 20);
const crew = 4;

t.test(`${kills} kills: every wait at an event, a condition and a barrier ends`, async (t) => {
  const name = freshName(t);
  const event = new Event({ name: `${name}event` });
  const condition = new Condition(null, { name: `${name}condition` });
  const barrier = new Barrier(2, { name: `${name}barrier` });
  const books = new SharedArray('i', 2 + 3 * crew, { name: `${name}books` });
  const start = async (place: number) => {
    const form = place % 2 === 0 ? 'sync' : 'promise';
    const child = program(t, 'gatherer', { args: [name, form, String(place)], timeout: 600_000 });
    await child.message();
    return child;
  };
  /** An item and one notify, and an event that is clear again at once: who waited before goes on. */
  const pulse = async () => {
    event.set();
    event.clear();
    await condition.run(() => {
      if (condition.ownerDied) condition.markConsistent();
      if ((books[0] as number) < crew) books[0] = (books[0] as number) + 1;
      condition.notify();
    });
  };
  const children: Program[] = await Promise.all(Array.from({ length: crew }, (_, place) => start(place)));
  for (let kill = 0; kill < kills; kill++) {
    const place = kill % crew;
    const victim = children[place] as Program;
    for (let pulses = Math.random() * 8; pulses > 0; pulses--) await pulse();
    await sleep(Math.random() * 4);
    victim.kill();
    const { signal } = await victim.ended;
    if (signal !== 'SIGKILL') {
      t.fail(`a program found a fault: ${await victim.line().catch((error) => error.message)}`);
      return;
    }
    children[place] = await start(place);
    // Everybody gets round once more: past the event, the condition and the barrier.
    const before = [...books].slice(2);
    await until('everybody goes on', async () => {
      await pulse();
      return before.every((count, i) => (books[2 + i] as number) > count);
    });
  }
  t.ok((books[1] as number) > kills, `${books[1]} items were taken`);
  t.comment(`${books[1]} items taken, ${kills} kills`);
  for (const child of children) child.kill();
  await Promise.all(children.map((child) => child.ended));
  for (const object of [event, condition, barrier, books]) object.close();
});
