/** A process that takes a lock or a permit again and again does not keep the others from it, in whatever form they wait. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { freshName } from '../harness/remote.js';
import { counters, type Greed, lastTurn, makers } from '../programs/greedy.js';

leaveNothing(t);

/**
 * On a CPU of its own each, where there are two: a sleeper that is woken on its waker's CPU mostly runs at once, before the
 * waker goes on.
 */
function keepApart(...pids: number[]): void {
  const cpus = /Cpus_allowed_list:\t(\d+)[-,](\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.slice(1) ?? [];
  for (const [i, cpu] of cpus.entries()) spawnSync('taskset', ['-a', '-p', '-c', cpu, `${pids[i]}`]);
}

const acquisitions = 25;

/**
 * How often the greedy process may have it between a wait's begin and its end, on average. It gives way after 16 times, of
 * which a waiter sees half; on a loaded machine a waiter needs two or three such rows. Without that it was 106 … 171.
 */
const maxTurns = 32;

const forms = [
  ['sync', 'sync'],
  ['promise', 'sync'],
  ['sync', 'promise'],
  ['promise', 'promise'],
] as const;

t.test('beside a process that holds it again and again, a waiter has its turn', async (t) => {
  const greedy = program(t, 'greedy');
  await greedy.ask('hello');
  keepApart(process.pid, greedy.pid);
  let which = 0;
  for (const what of Object.keys(makers)) {
    const [form, greed] = forms[which++ % forms.length] as (typeof forms)[number];
    const name = freshName(t);
    const object = makers[what]?.(name) as ReturnType<(typeof makers)[string]>;
    const { turns, stop } = counters(name);
    await greedy.ask({ what, name, form: greed } satisfies Greed);
    let passedOver = 0;
    let had = 0;
    for (; had < acquisitions && turns.value < lastTurn - 1; had++) {
      const before = turns.value;
      if (form === 'sync') object.acquireSync();
      else await object.acquire();
      passedOver += turns.value - before;
      object.release();
      // Until the greedy one has it again: this process is not to be greedy itself.
      for (const now = turns.value; turns.value < now + 2 && turns.value < lastTurn - 1; ) await setTimeout(1);
    }
    const average = passedOver / had;
    t.equal(had, acquisitions, `${what}: had its turns`);
    t.ok(average <= maxTurns, `${what}, ${form} beside ${greed}: passed over ${average.toFixed(1)} times`);
    stop.value = 1;
    t.equal(await greedy.message(), 'stopped');
    for (const one of [object, turns, stop]) one.close();
  }
  greedy.send('end');
  t.strictSame(await greedy.ended, { code: 0, signal: null });
});
