/**
 * Processes that compute values by `getOrCompute` are killed at random moments, before, while and after they compute: another
 * one takes over, so that the rounds go on.
 *
 * MULTIPROC_MAP_COMPUTING_KILLS sets how many are killed (default 4).
 */
import { SharedMap } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { type Program, program } from '../harness/program.js';
import { freshName } from '../harness/remote.js';
import { until } from '../harness/until.js';

leaveNothing(t);
const kills = Number(process.env.MULTIPROC_MAP_COMPUTING_KILLS ?? 4);
t.setTimeout(60_000 + kills * 2000);

t.test(`of three that compute, ${kills} are killed`, async (t) => {
  const name = freshName(t);
  const map = new SharedMap<string, unknown>({ name });
  map.set('round', 0);
  const timeout = 60_000 + kills * 2000;
  const start = (place: number) => program(t, 'map-computing', { args: [name, String(place)], timeout });
  const crew: Program[] = [0, 1, 2].map(start);
  const round = () => map.get('round') as number;
  for (let kill = 0; kill < kills; kill++) {
    const before = round();
    // Some rounds later, at any point of one.
    await until('rounds that go on', () => round() > before + (kill % 5));
    const victim = crew[kill % crew.length] as Program;
    victim.kill();
    await victim.ended;
    t.equal(victim.stderr, '');
    crew[kill % crew.length] = start(kill % crew.length);
  }
  const last = round();
  await until('rounds after the last kill', () => round() > last + 50);
  for (const each of crew) t.equal(each.stderr, '');
  for (const each of crew) {
    each.kill();
    await each.ended;
  }
  t.equal(await map.getOrCompute(`value ${round()} after`, () => 'computed'), 'computed', 'no slot is left taken');
  map.close();
});
