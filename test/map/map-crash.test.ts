/**
 * Forked writers and readers of a map are killed at random moments: no value is torn, no entry is lost that was set and not
 * evicted, no memory is lost, and no call hangs.
 *
 * MULTIPROC_MAP_KILLS sets how many are killed (default 60), MULTIPROC_MAP_SEED repeats a run.
 */
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { freshName } from '../harness/remote.js';

leaveNothing(t);
const kills = Number(process.env.MULTIPROC_MAP_KILLS ?? 60);
const seed = Number(process.env.MULTIPROC_MAP_SEED ?? Date.now() % 1e9);
t.setTimeout(60_000 + kills * 200);

for (const eviction of ['none', 'lru'] as const) {
  t.test(`${kills / 2} forked users are killed, eviction '${eviction}'`, async (t) => {
    t.comment(`seed ${seed}`);
    const args = [freshName(t), String(kills / 2), String(seed), eviction];
    const rig = program(t, 'map-forks', { args, execArgv: ['--single-threaded'], timeout: 60_000 + kills * 150 });
    const books = JSON.parse(await rig.line());
    t.comment(JSON.stringify(books));
    t.equal(books.failed, undefined, rig.stderr);
    t.equal(books.torn, 0);
    t.equal(books.lost, 0);
    t.equal(books.leaked, 0);
    t.ok(books.writes > kills);
    await rig.ended;
  });
}
