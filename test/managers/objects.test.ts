/** What managed objects do at the edges: data that looks like options, callbacks that fail, clients that end. */
import { statfsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { BaseManager, Manager, Process, SyncManager } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { careless, rejecting, takeOne } from '../programs/manager-clients.js';

// biome-ignore lint/suspicious/noExplicitAny: methods that are registered one by one have no types
type Untyped = any;

const internals: Untyped = await import(new URL('../../dist/internals.js', import.meta.url).href);
const { ManagedBarrier, ManagedRLock, asCall, callBy } = internals;

t.setTimeout(90_000);
t.before(() => leaveNothing(t));

t.test('a manager and its proxies tell people what they are, and end with their block', async (t) => {
  const manager = await Manager();
  const { process } = manager;
  {
    await using _ended = manager;
    const dict = await manager.dict({ a: 1 });
    t.match(await manager.debugInfo(), /^[0-9a-f]+: dict, 1 references$/);
    t.match(inspect(dict), /^<DictProxy object, typeid 'dict' at .+>$/);
    t.equal(String(dict), inspect(dict));
    t.throws(() => Object.assign(dict, { b: 2 }), { name: 'TypeError', message: /sync\.b/ });
    t.strictSame(await dict.getValue(), { a: 1 });
  }
  t.equal(process?.exitCode, 0);
});

t.test('one manager', async (t) => {
  const manager = await Manager();
  t.teardown(() => manager.shutdown());

  t.test('data that looks like options of a wait arrives whole', async (t) => {
    const [dict, list, queue] = [await manager.dict<unknown>(), await manager.list(), await manager.Queue()];
    await dict.set('a', { ref: true, x: 1 });
    await dict.set('b', { ref: true });
    await list.append({ ref: false, signal: 'none' });
    await queue.put({ ref: true });
    t.strictSame(await dict.getValue(), { a: { ref: true, x: 1 }, b: { ref: true } });
    t.strictSame(await list.getValue(), [{ ref: false, signal: 'none' }]);
    t.strictSame(await queue.get({ ref: true }), { ref: true });
    t.equal(await (await manager.Event()).wait({ timeout: 1, ref: true }), false);
  });

  t.test('binary data of any size travels without a walk over its elements', async (t) => {
    const [dict, list] = [await manager.dict<string, Uint8Array>(), await manager.list<Uint8Array>()];
    // More elements than an object may have properties.
    const data = new Uint8Array(20_000_000).fill(7);
    await dict.set('a', data);
    await list.append(data);
    t.equal(Buffer.compare((await dict.get('a')) ?? data.subarray(1), data), 0);
    t.equal(Buffer.compare((await list.at(0)) ?? data.subarray(1), data), 0);
    await dict.clear();
    await list.clear();
  });

  t.test('a function that a client gives and that fails does not end the server', async (t) => {
    const list = await manager.list([1, 2]);
    await t.rejects(list.forEach(rejecting as never), { name: 'RangeError', message: 'no 1' });
    t.strictSame(await list.map(careless as never), [1, 2]);
    t.equal(await list.length, 2);
    t.equal(manager.process?.isAlive(), true);
  });

  t.test('a barrier whose action fails breaks for those who come meanwhile, too', async (t) => {
    let fail = () => {};
    const failing = new Promise<never>((_, reject) => {
      fail = () => reject(new Error('the action fails'));
    });
    let begin = () => {};
    const began = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const action = () => {
      begin();
      return failing;
    };
    class Barriers extends SyncManager {}
    const failingBarrier = new ManagedBarrier(2, { action });
    Barriers.register('Failing', { callable: () => failingBarrier });
    const server = new Barriers({ authkey: 'key' }).getServer();
    const served = server.serveForever();
    const client = new Barriers({ address: server.address, authkey: 'key' });
    await client.connect();
    const barrier = await (client as Untyped).Failing();
    // Both come in one turn, so that neither is too late; their time-outs pass while the action runs.
    const waits: Promise<number>[] = [failingBarrier.wait(100), failingBarrier.wait(100)];
    const parties = waits.map((party) => party.catch((error: Error) => error.name));
    await began;
    await sleep(105);
    t.equal(await Promise.race([...parties, 'they wait']), 'they wait');
    const later = barrier.wait().catch((error: Error) => error.name);
    await barrier.nWaiting;
    fail();
    t.strictSame((await Promise.all(parties)).sort(), ['BrokenBarrierError', 'Error']);
    t.equal(await later, 'BrokenBarrierError');
    server.stop();
    await served;
  });

  t.test('what another client has acknowledged is not counted again at the end of who took it', async (t) => {
    const [queue, taken, end] = [await manager.JoinableQueue(), await manager.Event(), await manager.Event()];
    await queue.put(1);
    await queue.put(2);
    const child = new Process({ target: takeOne, args: [queue, taken, end] });
    child.start();
    await taken.wait();
    await queue.taskDone();
    await end.set();
    await child.join();
    t.equal(await queue.join(100), false);
    await queue.get();
    await queue.taskDone();
    t.equal(await queue.join(), true);
  });

  t.test('an object that cannot be made throws where it is asked for, and nowhere else', async (t) => {
    const made = manager.Barrier(0);
    t.throws(() => made.sync, { name: 'RemoteError' });
    await manager.list();
  });

  t.test('arrays go with their last proxy', async (t) => {
    const used = () => {
      const { blocks, bfree, bsize } = statfsSync('/dev/shm');
      return (blocks - bfree) * bsize;
    };
    const before = used();
    for (let i = 0; i < 50; i++) (await manager.Array('i', 250_000))[Symbol.dispose]();
    t.ok(used() - before < 10e6, 'of 50 MB');
  });

  t.test('values and arrays check what is stored, whatever their type', async (t) => {
    const value = await manager.Value('i', 5);
    await t.rejects(value.set(2 ** 40), RangeError);
    t.equal(await value.add(3), 5);
    t.equal(await value.compareExchange(8, 9), 8);
    t.equal(await value.get(), 9);
    await t.rejects((await manager.Value('d', 0.5)).add(1), TypeError);
    const flags = await (manager as Untyped).Array('?', 3);
    await flags.set(1, true);
    await flags.fill(true, 2);
    await t.rejects(flags.set(0, 'yes'), TypeError);
    t.strictSame(await flags.getValue(), [false, true, true]);
    const text = await (manager as Untyped).Array('u', 'añb');
    t.strictSame(await text.getValue(), ['a', 'ñ', 'b']);
    const bytes = await (manager as Untyped).Array('c', 'ab');
    t.strictSame(await bytes.getValue(), [97, 98]);
    await t.rejects((manager as Untyped).Array('none', 3), { message: /typecode/ });
  });
});

t.test("JavaScript's own classes make objects", async (t) => {
  class Builtin extends BaseManager {}
  Builtin.register('Map', { callable: Map });
  const server = new Builtin({ authkey: 'key' }).getServer();
  const served = server.serveForever();
  const manager = new Builtin({ address: server.address, authkey: 'key' });
  await manager.connect();
  const map = await (manager as Untyped).Map([[1, 2]]);
  t.equal(await map.get(1), 2);
  server.stop();
  await served;
});

t.test('how deep a lock was held is said of who gets it, and of nobody else', async (t) => {
  const callers = [1, 2, 3].map(() => ({ holdings: new Set(), ended: false }));
  const by = (caller: object | undefined, act: () => unknown) => asCall(callBy(caller), act, []);
  const lock = new ManagedRLock();
  by(callers[1], () => lock.acquire());
  const got = lock.acquireFor(callBy(callers[0]), 2);
  by(callers[1], () => lock.release());
  lock.forsake(callers[0]);
  by(callers[2], () => lock.acquire());
  t.equal(await got, true);
  by(callers[2], () => lock.release());
  t.equal(lock.locked(), false);
});
