// Ours: two processes hand over in turn, by two events or by one condition: µs from one side to the other.
// Arguments: event or condition; sync or promise.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Condition, Event, RawValue } from 'multiproc';
import { median } from '../harness/statistics.js';
import { report } from './measure.js';

const [kind, form, given] = process.argv.slice(2);
const rounds = 2000;
const batches = 15;
const total = rounds * (batches + 1);
const name = given ?? `bench-hand-over-${process.pid}`;
const ways = {
  event() {
    const events = [new Event({ name }), new Event({ name: `${name}-2` })];
    return {
      objects: events,
      sync(me, count) {
        const [mine, other] = [events[me], events[1 - me]];
        for (let i = 0; i < count; i++) {
          if (me === 0) other.set();
          mine.waitSync();
          mine.clear();
          if (me === 1) other.set();
        }
      },
      async promise(me, count) {
        const [mine, other] = [events[me], events[1 - me]];
        for (let i = 0; i < count; i++) {
          if (me === 0) other.set();
          await mine.wait();
          mine.clear();
          if (me === 1) other.set();
        }
      },
    };
  },
  condition() {
    const condition = new Condition(null, { name });
    const turn = new RawValue('i', 0, { name: `${name}-turn` });
    return {
      objects: [condition, turn],
      sync(me, count) {
        condition.acquireSync();
        for (let i = 0; i < count; i++) {
          while (turn.value !== me) condition.waitSync();
          turn.value = 1 - me;
          condition.notify();
        }
        condition.release();
      },
      promise(me, count) {
        return condition.run(async () => {
          for (let i = 0; i < count; i++) {
            while (turn.value !== me) await condition.wait();
            turn.value = 1 - me;
            condition.notify();
          }
        });
      },
    };
  },
};

const way = ways[kind]();
if (process.send) {
  process.send('ready');
  await way[form](1, total);
  process.disconnect();
} else {
  const child = fork(fileURLToPath(import.meta.url), [kind, form, name]);
  await once(child, 'message');
  await way[form](0, rounds);
  const times = [];
  for (let batch = 0; batch < batches; batch++) {
    const start = performance.now();
    await way[form](0, rounds);
    times.push(((performance.now() - start) / rounds / 2) * 1000);
  }
  await once(child, 'exit');
  for (const object of way.objects) object.unlink();
  report({ us: median(times) });
}
