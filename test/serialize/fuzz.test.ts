/** Damaged messages give errors: no crash, no memory, no module that the message should not name. */
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';

t.before(() => leaveNothing(t));
t.setTimeout(1_800_000);

// `npm run test:fuzz` asks for more.
const rounds = Number(process.env.MULTIPROC_FUZZ_MESSAGES ?? 20_000);
const seed = Number(process.env.MULTIPROC_FUZZ_SEED ?? 1 + Math.floor(Math.random() * 1e6));

t.test(`${rounds} damaged messages are read or refused (seed ${seed})`, async (t) => {
  const fuzzer = program(t, 'fuzz-messages', { args: [String(seed), String(rounds)], timeout: 1_700_000 });
  const { counts, highest } = await fuzzer.message<{ counts: Record<string, number>; highest: number }>();
  t.strictSame(await fuzzer.ended, { code: 0, signal: null });
  t.comment(`${JSON.stringify(counts)}, at most ${Math.round(highest / 2 ** 20)} MiB`);
  t.equal(
    Object.values(counts).reduce((a, b) => a + b),
    rounds,
  );
  t.ok((counts.value ?? 0) > 0 && (counts.ERR_MULTIPROC_MESSAGE ?? 0) > 0, 'both happen');
});
