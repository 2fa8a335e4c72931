/** Limits of what a client may ask hold within a message, and nothing that is allowed comes under them. */
import { readFileSync } from 'node:fs';
import { Manager, Process, type SyncManager } from 'multiproc';
import t, { type Test } from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { openGate, waitTooOften } from '../programs/manager-clients.js';

t.setTimeout(90_000);
t.before(() => leaveNothing(t));

async function limited(t: Test, limits: object): Promise<SyncManager> {
  const manager = await Manager({ limits });
  t.teardown(() => manager.shutdown());
  return manager;
}

t.test('calls that are allowed one by one do not become a message that is not', async (t) => {
  const manager = await limited(t, { messageBytes: 1_000_000 });
  const list = await manager.list();
  await Promise.all(Array.from({ length: 50 }, () => list.append(Buffer.alloc(100_000))));
  t.equal(await list.length, 50);
});

t.test('nor do calls before the conversation has begun; one that is too long fails alone', async (t) => {
  const manager = await limited(t, { messageBytes: 1_000_000 });
  const first = manager.list([1]);
  const tooLong = manager.list([Buffer.alloc(1_000_001)]);
  const others = Array.from({ length: 20 }, () => manager.list([Buffer.alloc(100_000)]));
  await t.rejects(tooLong as unknown as Promise<unknown>, { name: 'RangeError', message: /limits.messageBytes/ });
  t.strictSame(await (await first).getValue(), [1]);
  for (const each of await Promise.all(others)) t.equal(await each.length, 1);
});

t.test('with as many calls as it may have, a client is heard', async (t) => {
  const manager = await limited(t, { calls: 2 });
  const queue = await manager.Queue<number>();
  const controller = new AbortController();
  const waits = [1, 2, 3, 4].map(() => queue.get({ signal: controller.signal }).catch((error: Error) => error.message));
  controller.abort(new Error('enough'));
  t.strictSame(await Promise.all(waits), ['enough', 'enough', 'enough', 'enough']);
  // Those that are too many begin in their order, with proxies that were let go of meanwhile.
  const list = await manager.list<unknown>();
  const gate = await manager.Event();
  const temporary = await manager.list([7]);
  const blocked = [gate.wait(), gate.wait()];
  const later = [list.append(1), list.append(temporary), list.append(3)];
  temporary[Symbol.dispose]();
  const other = new Process({ target: openGate, args: [gate] });
  other.start();
  await Promise.all([...blocked, ...later]);
  await other.join();
  const [one, inner, three] = (await list.getValue()) as [number, { getValue(): Promise<unknown> }, number];
  t.strictSame([one, await inner.getValue(), three], [1, [7], 3]);
});

t.test('the end of a client with as many calls as it may have is noticed', async (t) => {
  const manager = await limited(t, { calls: 2 });
  const [queue, lock, ready] = [await manager.Queue(), await manager.Lock(), await manager.Event()];
  const child = new Process({ target: waitTooOften, args: [queue, lock, ready] });
  child.start();
  await ready.wait();
  child.kill();
  await child.join();
  t.equal(await lock.acquire(), true);
});

t.test('a manager with a small limit for answers goes on', async (t) => {
  const manager = await limited(t, { unreadBytes: 1000 });
  const list = await manager.list(['x'.repeat(3000)]);
  for (let i = 0; i < 3; i++) t.equal(((await list.get(0)) as string).length, 3000);
});

t.test('answers to the calls of one message are held back until the client takes them', async (t) => {
  const manager = await limited(t, { unreadBytes: 1_000_000 });
  const list = await manager.list(['x'.repeat(1_000_000)]);
  const status = `/proc/${manager.process?.pid}/status`;
  const peak = () => Number(/VmHWM:\s*(\d+)/.exec(readFileSync(status, 'utf8'))?.[1]) / 1024;
  const before = peak();
  const answers = await Promise.all(Array.from({ length: 400 }, () => list.get(0)));
  t.equal(answers.length, 400);
  t.ok(peak() - before < 200, 'of 400 MB');
});

t.test('what a client names costs no more than what it sent', async (t) => {
  const manager = await limited(t, {});
  let shared: unknown = ['x'];
  for (let i = 0; i < 40; i++) shared = [shared, shared];
  const list = await manager.list<unknown>([shared, 'y']);
  const refused = { name: 'RangeError', message: /do not refer to the same array so often/ };
  await t.rejects(list.join(), refused);
  await t.rejects(list.sort(), refused);
  await t.rejects((await manager.dict<unknown>({})).pop(shared as never), refused);
  for (const [type, size] of [
    ['d', 1e9],
    ['u', 1e8],
  ] as const) {
    await t.rejects(manager.Array(type, size) as unknown as Promise<unknown>, /at most 1073741824 bytes/);
  }
  await t.rejects(manager.Pool(1_000_000) as unknown as Promise<unknown>, /at most \d+ workers/);
  const semaphore = await manager.Semaphore(0);
  await semaphore.release(1e12);
  t.equal(await semaphore.tryAcquire(), true);
  const copy = await manager.list(Array.from({ length: 100_000 }, () => 1));
  const grow = async () => {
    for (;;) await copy.extend(copy as never);
  };
  await t.rejects(grow(), { name: 'RangeError', message: /at most 8388608 items/ });
});

t.test('nothing that is allowed comes under these bounds', async (t) => {
  const manager = await limited(t, {});
  const row = [3, 1, 2];
  const list = await manager.list<unknown>([row, row, 'b', undefined, 'a']);
  t.equal(await list.join('-'), '3,1,2-3,1,2-b--a');
  await list.sort();
  t.strictSame(await list.getValue(), [[3, 1, 2], [3, 1, 2], 'a', 'b', undefined]);
  const ring: unknown[] = [1];
  ring.push(ring);
  t.equal(await (await manager.list([ring])).join(), '1,', 'an array within itself');
  const dict = await manager.dict<number>({ a: 1, b: 2, c: 3 });
  t.strictSame(await dict.popItem(), ['c', 3]);
  await dict.set('d', 4);
  await dict.delete('a');
  await dict.set('a', 5);
  await dict.set('b', 6);
  for (const item of [
    ['a', 5],
    ['d', 4],
    ['b', 6],
  ])
    t.strictSame(await dict.popItem(), item);
  await t.rejects(dict.popItem(), { name: 'ValueError' });
});
