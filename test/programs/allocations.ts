/** Small objects beside a garbage collector, or beside a forked child; tells how many held what they should not. */
import { setImmediate } from 'node:timers/promises';
import { RawArray, Value } from 'multiproc';
import { exit, fork, waitpid } from 'multiproc/posix';
import { hangUp, tell } from '../harness/parent.js';

if (process.argv[2] === 'collected') {
  let collected = false;
  const registry = new FinalizationRegistry(() => {
    collected = true;
  });
  const kept = new RawArray('B', [7]);
  let wrong = 0;
  for (let i = 0; i < 10_000; i++) {
    const cycle: { self?: object; array: RawArray<'B'> } = { array: new RawArray('B', 1) };
    cycle.self = cycle;
    registry.register(cycle, undefined);
    if (cycle.array[0] !== 0) wrong++;
    cycle.array[0] = 1;
    if (i % 2500 === 0) {
      globalThis.gc?.();
      await setImmediate();
    }
  }
  globalThis.gc?.();
  await setImmediate();
  if (kept[0] !== 7) wrong++;
  await tell({ collected, wrong });
} else {
  const values = (length: number, value: number) => Array.from({ length }, () => new Value('i', value));
  const count = (all: Value<'i'>[], value: number) => all.filter((each) => each.value !== value).length;

  const shared = values(200, 1);
  // Freed before the fork: both sides know these places as free.
  for (const each of values(200, 9)) each.close();
  const pid = fork();
  for (const each of shared.slice(0, pid === 0 ? 200 : 100)) each.close();
  const own = values(500, pid === 0 ? 2 : 3);
  if (pid === 0) {
    await setImmediate();
    console.log(`child: ${count(own, 2)} wrong`);
    exit(0);
  }
  waitpid(pid);
  console.log(`parent: ${count(own, 3) + count(shared.slice(100), 1)} wrong`);
}
hangUp();
