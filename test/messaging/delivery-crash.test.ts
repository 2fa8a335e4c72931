/**
 * Consumers of a joinable queue are killed with SIGKILL at random moments, each with three tasks that have messages open at a
 * time, and in the midst of taking, acknowledging, giving back, giving up, of leases that end and of dead letters: each message
 * is acknowledged exactly once or is a dead letter, none is lost, and attempts are counted right.
 *
 * MULTIPROC_DELIVERY_KILLS sets how many consumers are killed in each of two runs (default 12), MULTIPROC_CRASH_SEED repeats
 * a run's choices (not its timing).
 */
import t from 'tap';
import { DeliveryBooks } from '../harness/delivery-books.js';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { freshName } from '../harness/remote.js';

t.setTimeout(1_800_000);
leaveNothing(t);

const kills = Number(process.env.MULTIPROC_DELIVERY_KILLS ?? 12);
const seed = Number(process.env.MULTIPROC_CRASH_SEED ?? Date.now() % 1e9);

for (const dead of ['queue', 'kept']) {
  t.test(`${kills} consumers with three tasks each are killed, dead letters: ${dead}`, async (t) => {
    t.comment(`seed ${seed}`);
    const args = [freshName(t), String(kills), String(seed), dead];
    const rig = program(t, 'delivery-forks', { args, execArgv: ['--single-threaded'], timeout: 1_800_000 });
    const books = JSON.parse(await rig.line());
    t.comment(JSON.stringify(books));
    t.equal(books.failed, undefined, rig.stderr);
    t.equal(books.lost, 0);
    t.equal(books.both, 0, 'none is acknowledged, and a dead letter');
    t.equal(books.notDead, 0, 'what kills its consumers becomes a dead letter');
    t.ok(books.done > 0 && books.dead > 0);
    t.ok(books.unbooked <= books.mostOpen, `${books.unbooked} deliveries that no consumer knows of`);
    t.ok(books.workedTwice <= books.mostOpen + books.expired, `${books.workedTwice} were dealt with twice`);
    t.ok(books.deadTwice <= books.kills, `${books.deadTwice} dead letters came twice`);
    t.match(books.stats, { unacknowledged: 0, delayed: 0, length: 0, deadLetters: 0 });
    await rig.ended;
  });
}

t.test('the books notice what is lost, or both acknowledged and dead', async (t) => {
  const books = new DeliveryBooks(freshName(t), 4, false);
  books.putAll();
  for (let i = 0; i < 4; i++) books.queue.takeSync().done();
  t.equal(books.check().lost, 4);
  books.close();
});
