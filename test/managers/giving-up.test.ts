/** Waits that are given up, by a signal or as the server is silent: they end, and nothing is taken by them. */
import { createServer, type Socket } from 'node:net';
import { Manager, SyncManager } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';

t.setTimeout(60_000);
t.before(() => leaveNothing(t));

// biome-ignore lint/suspicious/noExplicitAny: methods that are registered one by one have no types
type Untyped = any;

t.test('a signal that fires in the turn in which the wait is over takes nothing with it', async (t) => {
  const manager = await Manager();
  t.teardown(() => manager.shutdown());
  const [queue, lock, semaphore] = [await manager.Queue(), await manager.Lock(), await manager.Semaphore(1)];
  await lock.acquire();
  await semaphore.acquire();
  const controller = new AbortController();
  const { signal } = controller;
  const waits = [queue.get({ signal }), lock.acquire({ signal }), semaphore.acquire({ signal })];
  await queue.qsize();
  const acts = [queue.put('precious'), lock.release(), semaphore.release()];
  controller.abort(new Error('enough'));
  const [got, locked, permitted] = await Promise.allSettled(waits);
  await Promise.all(acts);
  // Who is refused has nothing, and who has something is told.
  t.equal((got?.status === 'fulfilled' ? 1 : 0) + (await queue.qsize()), 1);
  t.equal(await lock.locked(), locked?.status === 'fulfilled');
  t.equal(await semaphore.getValue(), permitted?.status === 'fulfilled' ? 0 : 1);
});

t.test('a wait that looks for an item in vain is given up when it waits again', async (t) => {
  const manager = await Manager();
  t.teardown(() => manager.shutdown());
  const queue = await manager.Queue();
  const controller = new AbortController();
  const waiting = queue.get({ signal: controller.signal });
  await queue.qsize();
  // The second call takes what the first was told of, before that looks.
  const acts = [queue.put(1), queue.tryGet()];
  controller.abort(new Error('enough'));
  const outcome = await waiting.catch((error: Error) => error.message);
  const [, taken] = await Promise.all(acts);
  t.strictSame(outcome === 1 ? [outcome, taken] : [taken, outcome], outcome === 1 ? [1, undefined] : [1, 'enough']);
});

t.test('who gives up waiting for a condition as it is notified has the lock, and gives it back once', async (t) => {
  const manager = await Manager();
  t.teardown(() => manager.shutdown());
  const condition = await manager.Condition();
  await condition.acquire();
  const controller = new AbortController();
  const waiting = condition.wait({ signal: controller.signal });
  await condition.locked();
  const acts = [condition.acquire(), condition.notify(), condition.release()];
  controller.abort(new Error('enough'));
  await Promise.allSettled([waiting, ...acts]);
  await condition.release();
  t.equal(await condition.locked(), false);
});

t.test('a signal ends the wait of a proxy in the server itself', async (t) => {
  class Taker {
    async takeFrom(queue: Untyped): Promise<string> {
      const refused = (error: Error) => error.message;
      return queue.get({ signal: AbortSignal.abort(new Error('before')) }).catch(refused);
    }

    async giveUp(queue: Untyped): Promise<unknown[]> {
      const controller = new AbortController();
      const waiting = queue.get({ signal: controller.signal });
      controller.abort(new Error('enough'));
      return [await waiting.catch((error: Error) => error.message), await queue.qsize()];
    }
  }
  class Takers extends SyncManager {}
  Takers.register('Taker', { callable: Taker });
  const server = new Takers({ authkey: 'key' }).getServer();
  const served = server.serveForever();
  const manager = new Takers({ address: server.address, authkey: 'key' });
  await manager.connect();
  const queue = await manager.Queue();
  const taker = await (manager as Untyped).Taker();
  t.equal(await taker.takeFrom(queue), 'before');
  t.strictSame(await taker.giveUp(queue), ['enough', 0]);
  server.stop();
  await served;
});

t.test('a signal ends a call while its conversation is only being begun', async (t) => {
  const server = new SyncManager({ address: ['127.0.0.1', 0], authkey: 'key' }).getServer();
  const served = server.serveForever();
  const { address } = server;
  const manager = new SyncManager({ address, authkey: 'key' });
  await manager.connect();
  const queue = await manager.Queue();
  server.stop();
  await served;
  const peers: Socket[] = [];
  let come = () => {};
  const came = new Promise<void>((resolve) => {
    come = resolve;
  });
  // It says nothing at all.
  const silent = createServer((socket) => {
    peers.push(socket);
    come();
  });
  await new Promise<void>((resolve) => silent.listen(address[1] as number, '127.0.0.1', resolve));
  const controller = new AbortController();
  const waiting = queue.get({ signal: controller.signal });
  await came;
  controller.abort(new Error('enough'));
  await t.rejects(waiting, { message: 'enough' });
  for (const peer of peers) peer.destroy();
  silent.close();
});

t.test('waits end although the server does not run', async (t) => {
  const manager = await Manager();
  const queue = await manager.Queue();
  const lock = await manager.Lock();
  const { pid } = manager.process as { pid: number };
  process.kill(pid, 'SIGSTOP');
  const controller = new AbortController();
  const given = queue.get({ signal: controller.signal });
  controller.abort(new Error('enough'));
  await Promise.all([
    t.rejects(given, { message: 'enough' }),
    t.rejects(queue.get(10), { name: 'TimeoutError' }),
    t.rejects(lock.acquire({ timeout: 10 }), { name: 'TimeoutError' }),
  ]);
  process.kill(pid, 'SIGCONT');
  await queue.put(1).catch(() => {});
  t.equal(await queue.qsize().catch(() => 1), 1, 'what was given up takes nothing');
  await manager.shutdown();
});

t.test('a server that is only slow is waited for', async (t) => {
  class Slow {
    sleep(ms: number): void {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    }
  }
  class Slows extends SyncManager {}
  Slows.register('Slow', { callable: Slow });
  const server = new Slows({ address: ['127.0.0.1', 0], authkey: 'key' }).getServer();
  const served = server.serveForever();
  const manager = new Slows({ address: server.address, authkey: 'key' });
  await manager.connect();
  const lock = await manager.Lock();
  await lock.acquire();
  const acquired = lock.acquire(20);
  await (manager as Untyped).Slow().sleep(200);
  t.equal(await acquired, false);
  server.stop();
  await served;
});
