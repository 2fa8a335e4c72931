/** What managers promise, whatever the start method of the server and of the clients: run by one test file for each. */
import {
  activeChildren,
  BaseManager,
  currentProcess,
  getContext,
  Lock,
  type Process,
  Queue,
  type StartMethod,
  SyncManager,
  sweep,
} from 'multiproc';
import type { Test } from 'tap';
import {
  acquireOnly,
  CustomManager,
  DefinedManager,
  failing,
  holdOn,
  initialize,
  modify,
  receive,
  useBarrier,
  useCondition,
  useEvent,
  useLock,
  useNamespace,
  useQueue,
  useValue,
} from '../programs/manager-targets.js';

// biome-ignore lint/suspicious/noExplicitAny: methods that are registered one by one have no types
type Untyped = any;

export function managersSuite(t: Test, method: StartMethod): void {
  const context = getContext(method);
  let manager: SyncManager;

  t.before(async () => {
    manager = await context.Manager();
  });
  t.teardown(() => manager.shutdown());

  const child = (target: (...args: never[]) => unknown, ...args: unknown[]): Process => {
    const made = new context.Process({ target, args });
    made.start();
    return made;
  };
  const run = async (target: (...args: never[]) => unknown, ...args: unknown[]): Promise<number | null> => {
    const made = child(target, ...args);
    await made.join();
    return made.exitCode;
  };

  t.test('a child uses each type through the proxies that it is given', async (t) => {
    const event = await manager.Event();
    await event.set();
    t.equal(await run(useEvent, event), 0);
    t.equal(await event.isSet(), false);
    t.equal(await event.wait(1), false);
    t.equal(await run(useLock, await manager.Lock()), 0);
    t.equal(await run(useLock, await manager.RLock()), 0);
    const semaphore = await manager.Semaphore();
    t.equal(await run(acquireOnly, semaphore), 0);
    t.equal(await semaphore.tryAcquire(), false);
    await semaphore.release();
    t.equal(await run(useCondition, await manager.Condition()), 0);
    t.equal(await run(useBarrier, await manager.Barrier(5)), 0);
    for (const queue of [await manager.Queue<number>(2), await manager.JoinableQueue<number>(2)]) {
      await queue.put(5);
      await queue.put(6);
      t.equal(await run(useQueue, queue), 0);
      t.ok(await queue.empty());
      t.notOk(await queue.full());
    }
    const value = await manager.Value('i', 1);
    t.equal(await run(useValue, value), 0);
    t.equal(await value.get(), 2);
    t.equal(await value.value, 2);
    const ns = await manager.Namespace({ x: 0, y: 1 });
    t.equal(await run(useNamespace, ns), 0);
  });

  t.test('a namespace, a list and a dict are changed by a child', async (t) => {
    const ns = manager.sync.Namespace();
    ns.sync.a = 1;
    const list = await manager.list<string>();
    await list.append('a');
    const dict = await manager.dict();
    dict.sync.b = 2;
    t.equal(await run(modify, ns, list, dict), 0);
    t.equal(ns.sync.a, 2);
    t.strictSame(await list.getValue(), ['a', 'b', 'c']);
    t.strictSame(await dict.getValue(), { b: 0 });
  });

  t.test('a proxy that came through a queue is used, and keeps its object alive', async (t) => {
    const queue = new Queue();
    const list = await manager.list();
    await queue.put(list);
    t.equal(await run(receive, queue), 0);
    t.strictSame(await list.getValue(), ['received']);
    queue.close();
  });

  t.test('what a killed client held is given back', async (t) => {
    const before = await manager.numberOfObjects();
    const lock = await manager.Lock();
    const list = await manager.list();
    const ready = await manager.Event();
    const holder = child(holdOn, lock, list, ready);
    t.equal(await ready.wait(), true);
    t.equal(await lock.tryAcquire(), false);
    const waiting = lock.acquire();
    holder.kill();
    t.equal(await waiting, true);
    t.equal(await lock.ownerDied, true);
    await lock.markConsistent();
    await lock.release();
    await holder.join();
    for (const proxy of [lock, list, ready]) proxy[Symbol.dispose]();
    // Fewer, if proxies of other tests were collected meanwhile.
    t.ok((await manager.numberOfObjects()) <= before, 'and its references');
  });

  t.test('a custom manager: exposed methods, errors, results that stay on the server', async (t) => {
    const custom = new CustomManager({ context: method }) as Untyped;
    t.teardown(() => custom.shutdown());
    await custom.start();
    const foo = await custom.Foo();
    t.equal(await foo.f(), 'f()');
    const error = await foo.g().catch((reason: Error) => reason);
    t.type(error, RangeError);
    t.equal(error.message, 'from g');
    t.match(error.stack, /manager-targets/);
    for (const name of ['_h', 'plain', 'constructor', '__proto__', 'toString', 'hasOwnProperty', 'nothing']) {
      await t.rejects(foo.callMethod(name), { name: 'RemoteError' }, name);
      t.throws(() => foo.sync.callMethod(name), { name: 'RemoteError' }, name);
    }
    await t.rejects(foo.unserialisable(), { name: 'RemoteError', message: /-{75}[\s\S]*cannot travel[\s\S]*-{75}/ });
    t.equal(await foo.later(), 'later', 'the connection goes on');
    t.equal(foo.sync.later(), 'later');
    const bar = await custom.Bar();
    t.equal(await bar._h(), '_h()');
    for (const name of ['g', 'add', 'constructor', '__proto__', 'toString']) {
      await t.rejects(bar.callMethod(name), { name: 'RemoteError' }, name);
    }
    const squares = await custom.Squares();
    t.equal(await squares.double(2), 4);
    const found: number[] = [];
    for await (const square of await squares.squares()) found.push(square);
    t.strictSame(found, [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]);
    t.equal(await (await squares.self()).add(1), 5, 'the very same object');
    t.equal(custom.Hidden, undefined);
    await t.rejects(custom.create('nothing'), { name: 'RemoteError' });
    await t.rejects(custom.create('toString'), { name: 'RemoteError' });
    t.throws(() => CustomManager.register('start'), { name: 'ValueError' });
    t.equal((BaseManager.prototype as Untyped).Foo, undefined, 'registrations do not reach the class above');
  });

  t.test('a manager that is defined: plain objects get the proxies of lists, dicts and sets', async (t) => {
    const defined = new DefinedManager({ context: method });
    await defined.start();
    t.teardown(() => defined.shutdown());
    await defined.getList().push(1);
    await (await defined.getList()).append(2);
    t.strictSame(await defined.getList().getValue(), [1, 2]);
    const map = await defined.getMap();
    t.equal(map.sync.a, 1);
    t.strictSame(await map.getValue(), new Map([['a', 1]]));
    t.equal(await (await defined.getSet()).has(1), true);
    t.strictSame(await (defined.getObject() as Untyped).getValue(), { x: 1 });
  });

  t.test('an initializer runs once, in the server, before start returns', async (t) => {
    const dict = await manager.dict();
    const other = new SyncManager({ context: method });
    await t.rejects(other.start(5 as never), TypeError);
    await other.start(initialize, [dict]);
    t.equal(await dict.get('count'), 1);
    await t.rejects(other.start(), { name: 'ProcessError' });
    await other.shutdown();
    await other.shutdown();
    t.equal(other.process?.exitCode, 0);
    t.throws(() => other.list(), { name: 'ValueError' });
    await t.rejects(new SyncManager({ context: method }).start(failing), { name: 'RangeError' });
  });

  t.test('the server ignores SIGINT, and a server that is killed fails every call that waits', async (t) => {
    const other = await context.Manager();
    const pid = other.process?.pid as number;
    process.kill(pid, 'SIGINT');
    const queue = await other.Queue();
    const waiting = Promise.allSettled([queue.get(), other.list(), queue.get()]);
    t.equal(await queue.qsize(), 0, 'it is alive');
    process.kill(pid, 'SIGKILL');
    const [first] = await waiting;
    t.match(first, { status: 'rejected', reason: { code: 'ECONNRESET' } });
    await other.join();
    t.throws(() => queue.sync.qsize(), { code: /ECONNREFUSED|ENOENT/ });
    await t.rejects(queue.qsize(), { code: /ECONNREFUSED|ENOENT/ });
    await other.shutdown();
    const terminated = await context.Manager();
    terminated.process?.terminate();
    await terminated.join();
    t.equal(terminated.process?.exitCode, -15);
    await terminated.shutdown();
  });

  t.test('who connects needs the key', async (t) => {
    const address = manager.address as string;
    const stranger = new SyncManager({ address, authkey: 'wrong' });
    await t.rejects(stranger.connect(), { name: 'AuthenticationError' });
    await t.rejects(new SyncManager({ address: '/tmp/nobody-is-here', authkey: 'x' }).connect(), { code: 'ENOENT' });
    await t.rejects(new SyncManager().connect(), { name: 'ValueError' });
    const client = new SyncManager({ address });
    t.throws(() => client.list(), { name: 'ValueError' });
    await client.connect();
    t.strictSame(await client.list([1]).getValue(), [1]);
    await t.rejects(client.shutdown(), { name: 'ValueError' });
    t.strictSame(await manager.list([1]).getValue(), [1], 'the server goes on');
    t.equal(currentProcess().authkey.length, 32);
  });

  t.test('objects of this machine travel into a manager on it', async (t) => {
    const lock = new Lock();
    const dict = await manager.dict({ lock });
    const back = (await dict.get('lock')) as Lock;
    await lock.acquire();
    t.equal(back.tryAcquire(), false);
    lock.release();
    for (const each of [lock, back]) each.close();
    await dict.clear();
  });

  t.test('the server ends by itself when it is told to, and no child is left', async (t) => {
    await manager.shutdown();
    t.equal(manager.process?.exitCode, 0);
    t.strictSame(activeChildren(), []);
    // What those left that were killed.
    sweep();
  });
}
