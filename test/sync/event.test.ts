/** Event: everybody who waits is freed, in every process and every form, whatever happens to the others. */
import { deserialize, Event, inspect, Lock, serialize } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { freshName, Remote } from '../harness/remote.js';
import { until } from '../harness/until.js';

leaveNothing(t);

const waiters = (name: string) => inspect(name).event?.waiters ?? [];

t.test('it is clear at first, set and cleared, and both may be repeated', async (t) => {
  const event = new Event();
  t.equal(event.isSet(), false);
  t.equal(event.waitSync(0), false);
  t.equal(event.waitSync(-5), false);
  t.equal(event.waitSync(5), false);
  t.equal(await event.wait(0), false);
  t.equal(await event.wait(5), false);
  t.equal(event.set(), undefined);
  event.set();
  t.equal(event.isSet(), true);
  t.equal(event.waitSync(), true);
  t.equal(event.waitSync(0), true);
  t.equal(await event.wait(), true);
  t.equal(await event.wait(0), true);
  event.clear();
  event.clear();
  t.equal(event.isSet(), false);
  t.equal(await event.wait(5), false);
  event.close();
});

t.test('all tasks of a thread are freed, those that came after a clear() wait on', async (t) => {
  const event = new Event();
  const early = Array.from({ length: 300 }, () => event.wait());
  event.set();
  event.clear();
  let freed = false;
  const late = event.wait().then((value) => {
    freed = true;
    return value;
  });
  t.strictSame(new Set(await Promise.all(early)), new Set([true]));
  t.equal(freed, false);
  event.set();
  t.equal(await late, true);
  event.close();
});

t.test('set() and clear() at once free everybody who waited in other processes', async (t) => {
  const name = freshName(t);
  const event = new Event({ name });
  const there = await Promise.all([1, 2, 3].map(() => new Remote(t).make('Event', { name })));
  for (let round = 0; round < 20; round++) {
    const forms = there.map((one, i) => one.call((i + round) % 2 === 0 ? 'wait' : 'waitSync'));
    await until('three wait', () => waiters(name).length === 3);
    event.set();
    event.clear();
    t.strictSame(await Promise.all(forms), [true, true, true]);
  }
  t.equal(await there[0]?.call('isSet'), false);
  await there[0]?.call('set');
  t.equal(event.isSet(), true);
  t.match(inspect(name), { kind: 'Event', event: { set: true, waiters: [] } });
  event.close();
});

t.test('waiters that are killed or stopped hold nobody up', async (t) => {
  const name = freshName(t);
  const event = new Event({ name });
  const remotes = Array.from({ length: 4 }, () => new Remote(t));
  const there = await Promise.all(remotes.map((remote) => remote.make('Event', { name })));
  const waiting = there.map((one, i) => one.call<boolean>(i % 2 === 0 ? 'wait' : 'waitSync'));
  for (const each of waiting) each.catch(() => {});
  await until('four wait', () => waiters(name).length === 4);
  const [killed, stopped] = remotes as [Remote, Remote];
  await killed.kill();
  stopped.program.kill('SIGSTOP');
  event.set();
  event.clear();
  t.strictSame(await Promise.all(waiting.slice(2)), [true, true]);
  stopped.program.kill('SIGCONT');
  t.equal(await waiting[1], true, 'the stopped one was freed, too');
  await t.rejects(waiting[0] as Promise<boolean>, { message: /SIGKILL/ });
  event.close();
});

t.test('a killed process leaves the flag as it is', async (t) => {
  const name = freshName(t);
  const event = new Event({ name });
  const remote = new Remote(t);
  const there = await remote.make('Event', { name });
  await there.call('set');
  await remote.kill();
  t.equal(event.isSet(), true);
  event.close();
});

t.test('waits end by time, by signal and by close()', async (t) => {
  const event = new Event();
  const controller = new AbortController();
  const aborted = event.wait({ signal: controller.signal });
  const timed = event.wait(20);
  const pending = event.wait();
  controller.abort(new Error('enough'));
  await t.rejects(aborted, { message: 'enough' });
  await t.rejects(event.wait({ signal: AbortSignal.abort(new Error('before')) }), { message: 'before' });
  t.equal(await timed, false);
  event.close();
  event.close();
  await t.rejects(pending, { name: 'ClosedError' });
  await t.rejects(event.wait(), { name: 'ClosedError' });
  for (const use of ['set', 'clear', 'isSet', 'waitSync'] as const) {
    t.throws(() => event[use](), { name: 'ClosedError' }, use);
  }
  t.equal(event.name, undefined);
  event.unlink();
  await t.rejects(new Event().wait(0.5), RangeError);
  t.throws(() => new Event().waitSync({ signal: controller.signal }), TypeError);
});

t.test('names, kinds and handles are those of every object', async (t) => {
  const name = freshName(t);
  t.throws(() => Event.open(name), { code: 'ENOENT' });
  const event = Event.create({ name });
  t.equal(event.name, name);
  t.throws(() => Event.create({ name }), { code: 'EEXIST' });
  t.throws(() => new Lock({ name }), { code: 'ERR_MULTIPROC_KIND' });
  const opened = Event.open(name);
  event.set();
  t.equal(opened.isSet(), true);
  Event.unlink(name);
  t.throws(() => event.unlink(), { code: 'ENOENT' });
  opened.close();
  event.close();

  const anonymous = new Event();
  const there = await new Remote(t).attach(serialize(anonymous));
  const waiting = there.call('wait');
  const again = deserialize(serialize({ nested: [anonymous] })) as { nested: [Event] };
  again.nested[0].set();
  t.equal(await waiting, true);
  t.equal(anonymous.isSet(), true);
  again.nested[0].close();
  anonymous.close();
});
