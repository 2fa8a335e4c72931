/** Plain data arrives as `structuredClone` would make it, whether it has the compact form or not. */
import { deserialize, Queue, serialize } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { command } from '../harness/program.js';

t.before(() => leaveNothing(t));

const rounds = Number(process.env.MULTIPROC_COMPACT_ROUNDS ?? 1500);
const seed = Number(process.env.MULTIPROC_COMPACT_SEED ?? 1 + Math.floor(Math.random() * 1e6));
const compactTag = 15;

/** xorshift: the same seed makes the same values. */
let state = seed * 2_654_435_761 || 1;
function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;

const primitives: readonly (() => unknown)[] = [
  () => random(300) - 150,
  () => pick([0, -0, 127, 128, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 53, 0.1, Number.NaN, Infinity, -Infinity]),
  () => pick([null, undefined, true, false]),
  () => pick([0n, -5n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n]),
  () => 'x'.repeat(random(40)),
  () => pick(['', 'é', '日本語', '😀', 'half \ud83d', '\udc00', 'nul\0', 'é'.repeat(300), 'a'.repeat(3000)]),
];
const names = [
  'id',
  'name',
  'a',
  'b',
  '',
  '0',
  '17',
  '-1',
  '__proto__',
  'constructor',
  'toString',
  'é',
  'length',
  '\ud800',
];

/** Objects that were made before, so that values share some of them, or go in circles. */
let made: object[] = [];

function value(depth: number): unknown {
  if (depth === 0 || random(3) === 0) return pick(primitives)();
  if (made.length > 0 && random(8) === 0) return pick(made);
  switch (random(10)) {
    case 0:
    case 1:
    case 2:
      return object(depth, {});
    case 3:
      return object(depth, Object.create(null));
    case 4:
    case 5:
      return array(depth);
    case 6:
      return map(depth);
    case 7:
      return set(depth);
    case 8:
      return keep(pick([new Date(random(1e9)), new Date(Number.NaN), /x+/giu, Object(5)]));
    default:
      return keep(pick([Buffer.from('bytes'), new Uint8Array(random(300)), new Float64Array([1, Number.NaN])]));
  }
}

function keep<T extends object>(made_: T): T {
  made.push(made_);
  return made_;
}

function object(depth: number, empty: object): object {
  const result = keep(empty);
  const count = random(20) === 0 ? 70 : random(6);
  for (let i = 0; i < count; i++) {
    const key = count === 70 ? `k${i}` : pick(names);
    Object.defineProperty(result, key, {
      value: value(depth - 1),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  if (random(10) === 0) Object.defineProperty(result, 'hidden', { value: 1 });
  if (random(10) === 0) Object.assign(result, { [Symbol('passed over')]: 1 });
  return result;
}

function array(depth: number): unknown[] {
  const result = keep<unknown[]>([]);
  const count = random(20) === 0 ? 200 : random(5);
  for (let i = 0; i < count; i++) result.push(count === 200 ? random(1000) : value(depth - 1));
  // A hole, and a property with a name: both, so that their number is that of the elements.
  if (count > 1 && random(6) === 0) delete result[random(count)];
  if (random(6) === 0) Object.assign(result, { named: value(depth - 1) });
  return result;
}

function map(depth: number): Map<unknown, unknown> {
  const result = keep(new Map<unknown, unknown>());
  for (let i = random(4); i > 0; i--) result.set(value(depth - 1), value(depth - 1));
  return result;
}

function set(depth: number): Set<unknown> {
  const result = keep(new Set<unknown>());
  for (let i = random(4); i > 0; i--) result.add(value(depth - 1));
  return result;
}

/** The objects of two graphs that were found at the same place. */
class Pairs {
  readonly #pairs = new Map<object, object>();
  readonly #others = new Set<object>();

  knows(a: object, b: object): boolean {
    return this.#pairs.has(a) || this.#others.has(b);
  }

  isPair(a: object, b: object): boolean {
    return this.#pairs.get(a) === b;
  }

  add(a: object, b: object): void {
    this.#pairs.set(a, b);
    this.#others.add(b);
  }
}

/** Where two graphs of objects differ; `undefined` if they do not: values, order of keys, holes, identities. */
function difference(a: unknown, b: unknown, path = 'value', pairs = new Pairs()): string | undefined {
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null)
    return Object.is(a, b) ? undefined : path;
  if (pairs.knows(a, b)) return pairs.isPair(a, b) ? undefined : `${path}: identity`;
  pairs.add(a, b);
  // A clone of a Buffer by `structuredClone` is a Uint8Array; here it stays a Buffer.
  if (ArrayBuffer.isView(a)) {
    if (!ArrayBuffer.isView(b)) return path;
    return Buffer.compare(bytesOf(a), bytesOf(b)) === 0 ? undefined : path;
  }
  const prototypes = [Object.getPrototypeOf(a), Object.getPrototypeOf(b)];
  if (prototypes[0] !== prototypes[1]) return `${path}: prototype`;
  if (String(a instanceof Date && a.getTime()) !== String(b instanceof Date && b.getTime())) return path;
  if (a instanceof RegExp && String(a) !== String(b)) return path;
  const contents = [contentOf(a), contentOf(b)] as const;
  if (contents[0].length !== contents[1].length) return `${path}: size`;
  for (const [i, part] of contents[0].entries()) {
    const found = difference(part, contents[1][i], `${path}[${i}]`, pairs);
    if (found !== undefined) return found;
  }
  return undefined;
}

function contentOf(object: object): unknown[] {
  const content: unknown[] = Array.isArray(object) ? [object.length] : [];
  if (object instanceof Map) content.push(...[...object].flat());
  if (object instanceof Set) content.push(...object);
  for (const key of Object.keys(object)) content.push(key, (object as Record<string, unknown>)[key]);
  return content;
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

t.test(`${rounds} random values arrive as structuredClone makes them (seed ${seed})`, async (t) => {
  const queue = new Queue();
  let compact = 0;
  for (let round = 0; round < rounds; round++) {
    made = [];
    const original = value(5);
    const bytes = serialize(original);
    if (bytes[0] === compactTag) compact++;
    const expected = structuredClone(original);
    let found = difference(expected, deserialize(bytes));
    if (found === undefined && original !== undefined) {
      queue.putSync(original);
      found = difference(expected, queue.getSync());
    }
    if (found !== undefined) return t.fail(`round ${round}, tag ${bytes[0]}: ${found}`);
  }
  t.ok(compact > rounds / 10, `${compact} of them had the compact form`);
  queue.close();
});

t.test('objects of one shape arrive with the same order of keys, however often', async (t) => {
  for (let i = 0; i < 300; i++) {
    const original = { id: i, ['__proto__']: null, name: `n${i}`, 3: true, tags: ['a', i] };
    t.strictSame(Object.entries(deserialize(serialize(original)) as object), Object.entries(original));
  }
});

t.test('a value that changes while it is read is sent as something it was, or refused', async (t) => {
  const inner = {
    get nested() {
      return serialize({ a: 1 })[0];
    },
    after: 2,
  };
  t.same(deserialize(serialize(inner)), { nested: 12, after: 2 }, 'a getter may serialize');
  const throwing = {
    a: 1,
    get b() {
      throw new Error('from a getter');
    },
  };
  t.throws(() => serialize(throwing), { message: 'from a getter' });
  const growing: Record<string, unknown> = {
    get a() {
      growing.z = 1;
      return 1;
    },
    b: 2,
  };
  t.match(deserialize(serialize(growing)), { a: 1, b: 2 });
});

t.test('what is no plain data is refused or sent as before', async (t) => {
  t.throws(() => serialize({ proxy: new Proxy({}, {}) }), { name: 'TypeError', message: /value\.proxy.*Proxy/ });
  t.throws(() => serialize({ list: [new Proxy([], {})] }), { name: 'TypeError', message: /list\[0\]/ });
  t.throws(() => serialize({ a: { f: () => 1 } }), { name: 'TypeError', message: /value\.a\.f/ });
  t.throws(() => serialize({ a: Symbol('s') }), { name: 'TypeError', message: /value\.a/ });
  let deep: unknown = 1;
  for (let i = 0; i < 900; i++) deep = [deep];
  let back = deserialize(serialize(deep));
  for (let i = 0; i < 900; i++) back = (back as unknown[])[0];
  t.equal(back, 1);
  Object.defineProperty(Object.prototype, 'inherited', { value: 1, enumerable: true, configurable: true });
  try {
    t.strictSame(Object.keys(deserialize(serialize({ own: 1 })) as object), ['own']);
  } finally {
    Reflect.deleteProperty(Object.prototype, 'inherited');
  }
});

/** Keys by which a text that holds them could be left, if they were not escaped. */
const hostileKeys = [
  '"]: 0, x: (globalThis.taken = true), ["',
  '": (globalThis.taken = true), "',
  "'+(globalThis.taken=true)+'",
  '`$' + '{globalThis.taken = true}`',
  '}; globalThis.taken = true; ({',
  '\\", y: (globalThis.taken = true), "',
  '\u2028globalThis.taken = true//',
  '\n*/globalThis.taken = true/*',
  'a]: (globalThis.taken = true), [b',
  '$1: (globalThis.taken = true), $&',
  '__proto__',
  'get x',
  'async *f() {}',
  '...globalThis',
  '\ud800',
  '',
];

t.test('keys of a peer are never read as code, however often they come', async (t) => {
  const objects = hostileKeys.flatMap((key, i) => {
    const object = Object.fromEntries([
      [key, i],
      ['plain', key],
    ]);
    // More than the reader makes before it compiles a function for them.
    return Array.from({ length: 150 }, () => object);
  });
  for (const object of objects)
    t.strictSame(Object.entries(deserialize(serialize(object)) as object), Object.entries(object));
  const all = Object.fromEntries(hostileKeys.map((key, i) => [key, i]));
  for (let i = 0; i < 150; i++) {
    const read = deserialize(serialize(all)) as object;
    t.strictSame(Object.entries(read), Object.entries(all));
    t.equal(Object.getPrototypeOf(read), Object.prototype);
  }
  t.equal((globalThis as { taken?: boolean }).taken, undefined);
});

t.test('programs that forbid code from strings read the same', async (t) => {
  const script = `import(${JSON.stringify(import.meta.resolve('multiproc'))}).then(({ serialize, deserialize }) => {
    for (let i = 0; i < 200; i++) console.log(JSON.stringify(deserialize(serialize({ id: i, name: 'n' })))) })`;
  const child = command(t, process.execPath, { args: ['--disallow-code-generation-from-strings', '-e', script] });
  for (let i = 0; i < 200; i++) t.equal(await child.line(), `{"id":${i},"name":"n"}`);
  t.strictSame(await child.ended, { code: 0, signal: null });
});
