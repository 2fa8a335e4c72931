/**
 * Producers and consumers of a queue are killed with SIGKILL at random moments: no message whose put has returned is
 * lost but with the consumer that had it, none is torn or comes twice, and the queue goes on.
 *
 * MULTIPROC_CRASH_KILLS sets how many Node processes are killed (default 24), MULTIPROC_CRASH_FORKS how many forked ones
 * (default 200), MULTIPROC_CRASH_SEED repeats a run's choices (not its timing).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { type Program, program } from '../harness/program.js';
import { Books, mostLostWith } from '../harness/queue-crew.js';
import { freshName } from '../harness/remote.js';

t.setTimeout(900_000);
leaveNothing(t);

const kills = Number(process.env.MULTIPROC_CRASH_KILLS ?? 12);
const forks = Number(process.env.MULTIPROC_CRASH_FORKS ?? 80);
const seed = Number(process.env.MULTIPROC_CRASH_SEED ?? Date.now() % 1e9);

for (const [maxsize, victims, who] of [
  [0, 'both', 'producers and consumers'],
  [40, 'both', 'producers and consumers'],
  [0, 'put', 'producers'],
  [40, 'put', 'producers'],
] as const) {
  t.test(`${forks} forked ${who} are killed, maxsize ${maxsize}`, async (t) => {
    t.comment(`seed ${seed}`);
    const args = [freshName(t), String(forks), String(seed), String(maxsize), victims];
    const rig = program(t, 'queue-forks', { args, execArgv: ['--single-threaded'], timeout: 900_000 });
    const books = JSON.parse(await rig.line());
    t.comment(JSON.stringify(books));
    t.equal(books.failed, undefined, rig.stderr);
    t.equal(books.doubled, 0);
    t.equal(books.left, 0);
    if (victims === 'put') t.equal(books.lost, 0);
    t.ok(
      books.lost <= books.lostWithConsumers,
      `${books.lost} lost, with consumers at most ${books.lostWithConsumers}`,
    );
    await rig.ended;
  });
}

t.test(`${kills} Node processes are killed`, async (t) => {
  const crew = 4;
  const name = freshName(t);
  const producers = kills + crew;
  const books = new Books(name, producers, 40);
  const forms = ['sync', 'many', 'promise'];
  let started = 0;
  let put = 0;
  const start = async () => {
    const number = started++;
    const role = number % 2 === 0 ? 'put' : 'get';
    const form = forms[number % 3] as string;
    const args = [name, String(producers), '40', role, String(role === 'put' ? put++ : 0), form];
    const child = program(t, 'queue-crasher', { args, timeout: 900_000 });
    await child.message();
    return { child, role, form };
  };
  const children = await Promise.all(Array.from({ length: crew }, start));
  let lostWithConsumers = 0;
  for (let kill = 0; kill < kills; kill++) {
    const index = kill % crew;
    const { child, role, form } = children[index] as { child: Program; role: string; form: string };
    await sleep((seed * (kill + 1)) % 7);
    child.kill();
    await child.ended;
    if (role === 'get') lostWithConsumers += form === 'many' ? mostLostWith.many : mostLostWith.one;
    const before = books.progress;
    // The same role again: there is always somebody at both ends.
    started = role === 'put' ? started + (started % 2) : started + 1 - (started % 2);
    children[index] = await start();
    for (let waited = 0; books.progress === before; waited++) {
      if (waited > 3000) return t.fail('nobody got on for 30 seconds');
      await sleep(10);
    }
  }
  books.stop();
  for (const { child, role } of children) {
    // A producer may wait for room: its consumers have stopped.
    if (role === 'put') child.kill();
    await child.ended;
  }
  for (let item = books.queue.tryGet(); item !== undefined; item = books.queue.tryGet()) books.book(item);
  const result = books.check();
  t.comment(JSON.stringify({ ...result, lostWithConsumers }));
  t.equal(books.fault, 0, 'nothing was torn');
  t.equal(result.doubled, 0);
  t.ok(result.put > 0);
  t.ok(result.lost <= lostWithConsumers, `${result.lost} lost, with consumers at most ${lostWithConsumers}`);
  await books.queue.put('still works');
  t.equal(await books.queue.get(), 'still works');
  books.close();
});

t.test('the books notice what is lost, doubled or torn', async (t) => {
  const books = new Books(freshName(t), 2, 0);
  books.produce(0, false);
  const first = books.queue.getSync();
  books.book(first);
  books.book(first);
  books.queue.getSync();
  for (let item = books.queue.tryGet(); item !== undefined; item = books.queue.tryGet()) books.book(item);
  t.match(books.check(), { put: 10_000, lost: 1, doubled: 1 });
  t.throws(() => books.book(Buffer.alloc(100, '1:2;').fill(0, 50, 51)), /torn/);
  t.throws(() => books.book('1:2;1:3;'), /torn/);
  books.close();
});
