/** Proxies as arguments, as contents, and as what tools look at; servers that do not start; managers that are dropped. */
import assert from 'node:assert';
import { format, inspect } from 'node:util';
import { Manager, type SyncManager, sweep } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { exits, FailingManager, throws, throwsLater } from '../programs/manager-failing.js';

export const sweepAfterwards = true;

t.setTimeout(60_000);
let m: SyncManager;
let other: SyncManager;
t.before(async () => {
  leaveNothing(t);
  [m, other] = await Promise.all([Manager(), Manager()]);
});
t.after(() => Promise.all([m.shutdown(), other.shutdown()]));

t.test('a proxy that is still being made can stand wherever a proxy can', async (t) => {
  const list = await m.list<unknown>([0]);
  await list.set(0, m.Queue());
  await list.append(m.list([1]));
  await list.append({ deep: [new Map([['key', m.dict({ a: 2 })]])] });
  // In the order of the calls, though this one has to wait for nothing.
  void list.append(m.list([3]));
  await list.append('last');
  list.sync.append(m.list([4]));
  const [queue, one, deep, three, last, four] = (await list.getValue()) as unknown as [
    { put(item: unknown): Promise<void>; get(): Promise<unknown> },
    { getValue(): Promise<unknown> },
    { deep: [Map<string, { getValue(): Promise<unknown> }>] },
    { getValue(): Promise<unknown> },
    string,
    { getValue(): Promise<unknown> },
  ];
  await queue.put(m.set([5]));
  const five = (await queue.get()) as { getValue(): Promise<unknown> };
  const content = [one, deep.deep[0].get('key'), three, four, five].map((each) => each?.getValue());
  t.strictSame(await Promise.all(content), [[1], { a: 2 }, [3], [4], new Set([5])]);
  t.equal(last, 'last');
  const outer = m.sync.list([m.list([6])]);
  t.strictSame(await (outer.sync[0] as unknown as { getValue(): Promise<unknown> }).getValue(), [6]);
  const far = await other.list<unknown>();
  await far.append(m.list([7]));
  t.strictSame(await ((await far.get(0)) as { getValue(): Promise<unknown> }).getValue(), [7]);
  await t.rejects(list.append(m.list(8 as never)), /could not be made/, 'the call fails, not the conversation');
  t.equal(await list.length, 6);
});

t.test('the content of a proxy is merged wherever items or entries are', async (t) => {
  for (const from of [m, other]) {
    const list = await m.list<unknown>([0]);
    await list.extend((await from.list([1])) as never);
    await list.extend(from.dict({ key: 2 }) as never);
    await list.extend((await from.Array('i', [3])) as never);
    t.strictSame(await list.getValue(), [0, 1, 'key', 3]);
    const dict = await m.dict<unknown>((await from.dict({ a: 1 })) as never);
    await dict.update((await from.dict({ b: 2 })) as never, (await from.list([['c', 3]])) as never);
    t.strictSame(await dict.getValue(), { a: 1, b: 2, c: 3 });
    const set = await m.set<unknown>((await from.set([1])) as never);
    await set.update((await from.list([2])) as never, (await from.dict({ c: 3 })) as never);
    t.strictSame(await set.getValue(), new Set([1, 2, 'c']));
    t.strictSame(await set.union((await from.set([3])) as never), new Set([1, 2, 'c', 3]));
    t.strictSame(await m.list((await from.list([1, 2])) as never).getValue(), [1, 2]);
    const queue = await m.Queue();
    await queue.putMany((await from.list([1, 2])) as never);
    t.equal(await queue.qsize(), 2);
    await t.rejects(list.extend((await from.Lock()) as never), TypeError);
  }
  const list = await m.list([1, 2]);
  await list.extend(list as never);
  t.strictSame(await list.getValue(), [1, 2, 1, 2], 'its own content once');
});

t.test('elements of a managed Array are of its type, however they are written', async (t) => {
  const cases: [string, unknown, unknown[]][] = [
    ['i', 1, ['x', 1.5, 2 ** 40 + 5, null, Number.NaN]],
    ['b', -1, [128]],
    ['B', 1, [-1, 256, true]],
    ['h', 1, [40_000, '1']],
    ['H', 1, [-1]],
    ['I', 1, [2 ** 32]],
    ['l', 1, [1.5]],
    ['L', 1, [-1]],
    ['q', 1, [2n ** 63n, 'x']],
    ['Q', 1, [-1n]],
    ['f', 1.5, ['1', null]],
    ['d', 1.5, [1n, {}]],
    ['c', 'a', ['ab', 300]],
    ['u', 'a', ['ab', 1]],
    ['?', true, [2, 'x']],
  ];
  for (const [type, right, wrong] of cases) {
    const array = await m.Array(type as 'i', 2);
    await array.set(0, right as number);
    await array.fill(right as number, 1);
    const before = await array.getValue();
    for (const value of wrong) {
      const isRefused = (error: unknown) => error instanceof TypeError || error instanceof RangeError;
      await assert.rejects(array.set(0, value as number), isRefused, `set, ${type}`);
      await assert.rejects(array.fill(value as number), isRefused, `fill, ${type}`);
      await assert.rejects(Promise.resolve(m.Array(type as 'i', [value as number])), /TypeError|RangeError/, type);
      assert.throws(() => {
        array.sync[0] = value as number;
      }, isRefused);
    }
    t.strictSame(await array.getValue(), before, type);
  }
});

t.test('what the language and tools ask of every value is not asked of the server', async (t) => {
  const list = await m.list([1]);
  const objects = [list, m.list([1]), await m.Value('i', 1), await m.Namespace({ a: 1 })];
  for (const proxy of objects) {
    const text = String(proxy);
    t.match(text, /^<.*proxy.*>$/i);
    t.equal(JSON.stringify({ proxy }), JSON.stringify({ proxy: text }));
    t.equal(`${proxy}`, text);
    t.equal(format('%s %o', 'a', proxy).includes('function'), false);
    t.equal(inspect({ proxy }, { breakLength: Infinity }), `{ proxy: ${text} }`);
    inspect(proxy, { showProxy: true, showHidden: true, getters: false });
    assert.throws(() => structuredClone(proxy), { name: 'DataCloneError' });
    assert.throws(() => assert.deepStrictEqual(proxy, [1]), { code: 'ERR_ASSERTION' });
    assert.deepStrictEqual(proxy, proxy);
    for (const name of [
      'asymmetricMatch',
      '$$typeof',
      'nodeType',
      '@@__IMMUTABLE_ITERABLE__@@',
      '__esModule',
      'inspect',
    ]) {
      t.equal((proxy as unknown as Record<string, unknown>)[name], undefined, name);
    }
  }
  t.equal(JSON.stringify(list.sync), '[1]', 'the blocking twin reads');
  const gone = await Manager();
  const orphan = await gone.list([1]);
  await gone.shutdown();
  // An unhandled rejection fails the test.
  void orphan.length;
  t.match(JSON.stringify({ orphan }), /ListProxy/);
});

t.test(
  'an array far longer than its message is refused, wherever it stands, and other calls are answered',
  async (t) => {
    const list = await m.list<unknown>();
    const sparse: unknown[] = [];
    sparse[2 ** 32 - 2] = 1;
    const places = [sparse, [sparse], { deep: sparse }, new Map([['key', sparse]]), new Set([sparse])];
    for (const place of places) await t.rejects(list.append(place), RangeError);
    await t.rejects(list.extend(sparse as never), RangeError);
    await t.rejects(Promise.resolve(m.list(sparse)), RangeError);
    const holes: unknown[] = [];
    holes[100] = 1;
    await list.append(holes);
    t.equal(await list.length, 1, 'a few holes are data');
  },
);

t.test('a server that ends before it serves fails the start, with the cause', async (t) => {
  const starter = program(t, 'manager-failing-start');
  const errors = await starter.message<{ name: string; message: string; hasCause: boolean }[]>();
  t.match(errors, [
    { name: 'ProcessError', message: /exit code 1\).*this module does not load/, hasCause: true },
    { name: 'ProcessError', message: /exit code 0\)/, hasCause: false },
    { name: 'ProcessError', message: /signal SIGKILL\)/, hasCause: false },
  ]);
  await starter.ended;
  await t.rejects(new FailingManager().start(throws), new RangeError('the initializer failed'));
  await t.rejects(new FailingManager().start(throwsLater), new RangeError('the initializer failed later'));
  await t.rejects(new FailingManager().start(exits), /exit code 3\)/);
  const manager = new FailingManager();
  await manager.start();
  const thing = (await manager.create('Thing')) as { inspect(): Promise<string> };
  t.equal(await thing.inspect(), 'inspected', 'a method that the class is known to have');
  await manager.shutdown();
  // A process that was killed cannot give back what it had been given.
  sweep();
});

t.test('a manager that is dropped ends with a warning once no proxy of it is left', async (t) => {
  const dropped = program(t, 'manager-dropped', { execArgv: ['--expose-gc'] });
  const told = await dropped.message<{ warnings: string[] }>();
  t.match(told, { managerIsGone: true, served: [1], ended: true });
  t.equal(told.warnings.length, 1);
  t.match(told.warnings[0], /^ResourceWarning: A SyncManager \(server process \d+\) was dropped.*shutdown\(\)/);
  t.strictSame(await dropped.ended, { code: 0, signal: null }, dropped.stderr);
});
