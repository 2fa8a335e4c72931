/** Children of the fork server do whatever programs do, end as they should, and leave nothing in the server. */
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';

t.setTimeout(900_000);
leaveNothing(t);

/** `MULTIPROC_SOAK=2000` for the campaign. */
const count = Number(process.env.MULTIPROC_SOAK ?? 40);

interface State {
  fds: number;
  ownFds: number;
  children: number;
  megabytes: number;
}

t.test(`${count} children end as they should`, async (t) => {
  const parent = program(t, 'forkserver-many', { args: [String(count), '4'], timeout: 880_000 });
  const told = await parent.message<{
    started: number;
    wrong: unknown[];
    before: State;
    after: State;
    same: boolean;
  }>();
  t.strictSame(told.wrong, []);
  t.ok(told.same, 'one server served all');
  t.equal(told.after.children, 0, 'no zombies');
  // Two of Node's own come and go on Node 26; one for each child would be dozens.
  t.ok(told.after.fds <= told.before.fds + 2, `descriptors of the server: ${JSON.stringify(told)}`);
  t.ok(told.after.megabytes <= told.before.megabytes + 20, `memory of the server: ${JSON.stringify(told)}`);
  t.strictSame(await parent.ended, { code: 0, signal: null }, parent.stderr);
  t.comment(JSON.stringify(told));
});
