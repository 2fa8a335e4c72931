/**
 * Maps whose memory somebody writes to: any word set to anything gives values, misses or errors of this package; never a crash,
 * never a call that does not end; and `clear()` makes the map whole again.
 *
 * MULTIPROC_MAP_FUZZ sets the rounds (default 300), MULTIPROC_MAP_SEED repeats a run.
 */
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';

leaveNothing(t);
const rounds = Number(process.env.MULTIPROC_MAP_FUZZ ?? 300);
const seed = Number(process.env.MULTIPROC_MAP_SEED ?? Date.now() % 1e9);
t.setTimeout(60_000 + rounds * 500);

t.test(`${rounds} rounds of damage (seed ${seed})`, async (t) => {
  // A process of its own: it may crash.
  const fuzz = program(t, 'map-damage', { args: [String(rounds), String(seed)], timeout: 60_000 + rounds * 400 });
  const result = await fuzz.message<{ failed?: string; errors: number; values: number; longestMs: number }>();
  t.comment(JSON.stringify(result));
  t.equal(result.failed, undefined);
  t.ok(result.errors > 0 && result.values > 0, 'calls succeed and fail');
  t.strictSame(await fuzz.ended, { code: 0, signal: null });
});
