/** Names and files in /dev/shm that other programs left or planted: every call ends, with a result or an error of ours. */
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';

t.before(() => leaveNothing(t));
t.setTimeout(1_800_000);

// `npm run test:fuzz` asks for more.
const rounds = Number(process.env.MULTIPROC_STRANGE_ROUNDS ?? 150);
const seed = Number(process.env.MULTIPROC_FUZZ_SEED ?? 1 + Math.floor(Math.random() * 1e6));

t.test(`${rounds} rounds among strange files (seed ${seed})`, async (t) => {
  const user = program(t, 'strange-files', {
    args: [String(seed), String(rounds)],
    env: { MULTIPROC_NAMESPACE: 'strange-files' },
    timeout: 60_000 + rounds * 100,
  });
  const { counts = {}, error } = await user.message<{ counts?: Record<string, number>; error?: string }>();
  t.equal(error, undefined);
  t.strictSame(await user.ended, { code: 0, signal: null });
  t.comment(JSON.stringify(counts));
  t.ok((counts.ok ?? 0) > 0 && Object.keys(counts).length > 3, 'calls succeed and fail');
});
