/** serialize and deserialize: values come back as they were, and what cannot travel says where it is. */
import { runInNewContext } from 'node:vm';
import { deserialize, SharedArray, serialize, Value } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';

t.before(() => leaveNothing(t));

t.test('common values have compact forms and come back the same', async (t) => {
  const values: [unknown, number][] = [
    [undefined, 1],
    [null, 1],
    [true, 1],
    [false, 1],
    [0, 2],
    [-128, 2],
    [127, 2],
    [128, 5],
    [-(2 ** 31), 5],
    [2 ** 31 - 1, 5],
    [2 ** 31, 9],
    [0.5, 9],
    [-0, 9],
    [Number.NaN, 9],
    [Infinity, 9],
    [5n, 9],
    [-(2n ** 63n), 9],
    ['', 1],
    ['hello', 6],
    ['é', 3],
    ['😀', 5],
    ['half \ud83d', 13],
    [Buffer.from([1, 2]), 4],
    [new Uint8Array([1, 2]), 4],
    [new Float64Array([0.5]), 10],
    [new BigInt64Array([1n]), 10],
    [new DataView(new ArrayBuffer(3)), 5],
  ];
  for (const [value, size] of values) {
    const bytes = serialize(value);
    t.equal(bytes.length, size, String(value));
    t.equal(bytes.buffer.byteLength, size, 'and nothing else lies in the buffer');
    const back = deserialize(new Uint8Array(bytes));
    t.strictSame(back, value);
    t.ok(Object.is(back, value) || typeof value === 'object');
    if (typeof value === 'object' && value !== null) {
      t.equal(Object.getPrototypeOf(back), Object.getPrototypeOf(value));
    }
  }
});

t.test('everything else keeps its structure, identities and cycles', async (t) => {
  const shared = { n: 1 };
  const value = {
    list: [1, 'two', [3n ** 100n], undefined, null],
    map: new Map<unknown, unknown>([
      ['k', shared],
      [shared, new Set([1, shared])],
    ]),
    date: new Date(5),
    expression: /x+/gi,
    views: [Buffer.from('hi'), new Uint16Array([1, 2]), new Uint8Array(new Uint8Array([1, 2, 3]).buffer, 1, 1)],
    buffer: new Uint8Array([1, 2]).buffer,
    boxed: [Object(1), Object('s')],
    itself: undefined as unknown,
    ['__proto__']: 'an ordinary field',
  };
  value.itself = value;
  const back = deserialize(serialize(value)) as typeof value;
  t.equal(back.itself, back);
  t.equal(back.map.get('k'), [...back.map.keys()][1]);
  t.strictSame({ ...back, itself: 0 }, { ...value, itself: 0 });
  t.type(back.views[0], Buffer);
  const sparse = new Array(2 ** 32 - 2);
  sparse[5] = 'x';
  t.equal((deserialize(serialize(sparse)) as unknown[])[5], 'x');
  const error = new RangeError('too far', { cause: new Error('near') });
  const arrived = deserialize(serialize({ error })) as { error: RangeError };
  t.type(arrived.error, RangeError);
  t.equal(arrived.error.message, 'too far');
  t.strictSame(deserialize(serialize(runInNewContext('({ a: [new Map([[1, new Uint8Array([1])]])] })'))), {
    a: [new Map([[1, new Uint8Array([1])]])],
  });
});

t.test('objects of ours come out as the same objects, wherever they are', async (t) => {
  const value = new Value('i', 5);
  const array = new SharedArray('d', [1, 2]);
  const letter: Record<string, unknown> = {
    value,
    deep: [new Map([['k', new Set([value, array])]])],
    ['__proto__']: 1,
  };
  letter.itself = letter;
  const back = deserialize(serialize(letter)) as typeof letter & {
    value: Value<'i'>;
    deep: Map<string, Set<unknown>>[];
  };
  t.equal(back.itself, back);
  t.ok(Object.hasOwn(back, '__proto__'));
  const [first, second] = [...(back.deep[0]?.get('k') ?? [])] as [Value<'i'>, Float64Array];
  t.equal(first, back.value);
  t.type(first, Value);
  first.add(1);
  second[0] = 10;
  t.equal(value.value, 6);
  t.equal(array[0], 10);
  t.ok(second instanceof SharedArray);
  t.strictSame(Object.keys(letter), ['value', 'deep', '__proto__', 'itself'], 'what was sent is left as it was');
  t.equal((letter.deep as [Map<string, Set<unknown>>])[0].get('k')?.has(value), true);
});

t.test('what cannot travel is named with its path and a cure', async (t) => {
  class Task {}
  const cases: [unknown, string, RegExp][] = [
    [() => 1, 'args is ', /function/],
    [[{ callback() {} }], 'args[0].callback is ', /the function callback/],
    [{ a: { 'b c': [1, Symbol('x')] } }, 'args.a["b c"][1] is ', /symbol/],
    [new Map([['k', { p: Promise.resolve() }]]), 'args.get("k").p is ', /await/],
    [new Map([[Symbol('x'), 1]]), 'args.keys()[0] is ', /symbol/],
    [new Set([1, Task]), 'args.values()[1] is ', /the class Task/],
    [[new WeakMap()], 'args[0] is ', /Map/],
    [[new Task()], 'args[0] is ', /an instance of Task/],
    [{ g: (function* () {})() }, 'args.g is ', /generator/],
    [[new SharedArrayBuffer(1)], 'args[0] is ', /SharedArray/],
    [[new Proxy({}, {})], 'args[0] is ', /Proxy/],
    [[new AbortController().signal], 'args[0] is ', /AbortSignal/],
    [{ lock: new Value('i', 0, { lock: { acquire() {}, release() {} } }) }, 'args.lock.getLock() is ', /RLock/],
  ];
  for (const [value, start, rest] of cases) {
    try {
      serialize(value, 'args');
      t.fail(start);
    } catch (error) {
      t.type(error, TypeError);
      t.ok((error as Error).message.startsWith(start), (error as Error).message);
      t.match((error as Error).message, rest);
    }
  }
  t.throws(() => serialize(() => 1), { name: 'TypeError', message: /^value is a function/ });
  const closed = new Value('i');
  closed.close();
  t.throws(() => serialize([closed]), { code: 'ERR_MULTIPROC_CLOSED' });
  t.throws(
    () =>
      serialize({
        get broken() {
          throw new EvalError('mine');
        },
      }),
    EvalError,
  );
});

t.test('a depth that could not be read again is refused', async (t) => {
  const nest = (depth: number) => {
    let value: unknown = 0;
    for (let i = 0; i < depth; i++) value = [value];
    return value;
  };
  t.ok(deserialize(serialize(nest(1000))));
  t.throws(() => serialize(nest(2000)), { name: 'RangeError', message: /too deeply/ });
  t.throws(() => serialize(nest(100_000)), { name: 'RangeError', message: /too deeply/ });
});

t.test('cycles and shared parts cost no more than their size', async (t) => {
  // Without remembering, looking through this takes 2^60 steps.
  let diamond: unknown = 0;
  for (let i = 0; i < 60; i++) diamond = [diamond, diamond];
  t.ok(serialize(diamond));
  interface Node {
    parent: Node | undefined;
    children: Node[];
  }
  const tree = (depth: number, parent: Node | undefined): Node => {
    const node: Node = { parent, children: [] };
    if (depth > 0) for (let i = 0; i < 3; i++) node.children.push(tree(depth - 1, node));
    return node;
  };
  t.ok(serialize(tree(7, undefined)));
  t.ok(serialize({ tree: tree(7, undefined), value: new Value('i') }));
});

t.test('bytes that nobody of ours wrote are an error with a code', async (t) => {
  t.throws(() => deserialize('text' as never), TypeError);
  for (const bytes of [
    '',
    '63',
    'ff',
    '0000',
    '04',
    '0405ff',
    '05000000',
    '06',
    '0b',
    '0b03aa',
    '0b63',
    '0c',
    '0cff0f',
    '0cff0f6f',
  ]) {
    t.throws(() => deserialize(Buffer.from(bytes, 'hex')), { code: 'ERR_MULTIPROC_MESSAGE' }, bytes);
  }
});

t.test('no mutation of a message does worse than an error with a code', async (t) => {
  const value = new Value('i', 5);
  const messages = [
    { a: [1, 'two', { three: new Map([[1, new Set(['x'])]]) }], when: new Date(5), re: /x/g, big: 2n ** 70n },
    {
      bytes: Buffer.from('hello'),
      floats: new Float64Array(3),
      more: [new ArrayBuffer(9), 'é'.repeat(9), '\u{1f600}'],
    },
    [
      1.5,
      2.5,
      new Array(3),
      3,
      new Error('boo', { cause: [1] }),
      Object(5),
      Array.from({ length: 20 }, (_, i) => ({ i })),
    ],
    { value, list: [value, new Value('d', 1, { lock: value.getLock() })] },
    new SharedArray('q', 3),
    new Uint32Array(3),
    'text',
  ].map((message) => serialize(message));
  let state = 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const tricky = [0, 1, 0x7f, 0x80, 0xff, 0xfe, 0x0f, 0x6f, 0x61, 0x41, 0x5c, 0x42, 0x5e];
  let read = 0;
  let refused = 0;
  for (let round = 0; round < 100_000; round++) {
    const original = messages[round % messages.length] as Buffer;
    const bytes = Buffer.from(original);
    for (let i = random(4) + 1; i > 0; i--) {
      bytes[random(bytes.length)] = random(2) === 0 ? random(256) : (tricky[random(tricky.length)] as number);
    }
    const cut = random(8) === 0 ? bytes.subarray(0, random(bytes.length + 1)) : bytes;
    try {
      close(deserialize(cut));
      read++;
    } catch (error) {
      const { code } = error as { code?: string };
      if (!/^ERR_MULTIPROC_(MESSAGE|SEGMENT|CLOSED)$|^E(NOENT|ACCES)$/.test(code ?? '')) throw error;
      refused++;
    }
  }
  t.comment(`${read} were read, ${refused} refused`);
  t.ok(read > 1000);
  t.ok(refused > 1000);
  t.equal(value.value, 5);

  function close(object: unknown, depth = 0): void {
    if (typeof object !== 'object' || object === null || depth > 5) return;
    if (object instanceof Value || object instanceof SharedArray) (object as Value).close();
    else if (!ArrayBuffer.isView(object)) for (const field of Object.values(object)) close(field, depth + 1);
  }
});
