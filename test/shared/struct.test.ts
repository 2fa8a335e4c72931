/** Struct: its layout, its fields in ordinary and in shared memory, and what other processes make of them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect as show } from 'node:util';
import { deserialize, inspect, Lock, list, RawArray, RawValue, SharedArray, Struct, serialize, Value } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program, type Scope } from '../harness/program.js';

t.before(() => leaveNothing(t));

let made = 0;
function name(t: Scope): string {
  const mine = `test-struct-${process.pid}-${made++}`;
  t.teardown(() => {
    try {
      Value.unlink(mine);
    } catch {
      // The test itself has unlinked it, or never made it.
    }
  });
  return mine;
}

const Point = Struct({ x: 'd', y: 'd' });

t.test('fields lie where C puts them', async (t) => {
  t.equal(Point.size, 16);
  t.strictSame(Point.offsets, { x: 0, y: 8 });
  const Mixed = Struct({ a: 'b', q: 'q', p: Point, v: ['i', 3], text: ['c', 5], t: '?', u: 'u', end: 'h' });
  t.strictSame(Mixed.offsets, { a: 0, q: 8, p: 16, v: 32, text: 44, t: 49, u: 52, end: 56 });
  t.equal(Mixed.size, 64);
  t.equal(Struct({ c: 'c', h: 'h' }).size, 4);
  t.throws(() => Object.assign(Mixed.offsets, { a: 1 }), TypeError);
});

t.test('declarations are checked', async (t) => {
  const declare = (fields: unknown) => () => Struct(fields as { x: 'd' });
  for (const wrong of [{}, null, [], 'd', { x: 'z' }, { x: 5 }, { '1': 'i' }, { 'a b': 'i' }, { constructor: 'i' }]) {
    t.throws(declare(wrong), TypeError, JSON.stringify(wrong));
  }
  for (const wrong of [['i'], ['i', '4'], ['i', 1.5], ['i', 4, 4], []]) t.throws(declare({ x: wrong }), TypeError);
  t.throws(declare({ x: class Other {} }), TypeError);
  t.throws(declare({ x: ['i', -1] }), { name: 'ValueError' });
  t.throws(declare({ x: ['d', 2 ** 30] }), RangeError);
  let deep: unknown = 'i';
  for (let i = 0; i < 20; i++) deep = [deep, 1];
  t.throws(declare({ x: deep }), RangeError);
  for (const type of [
    [['i', 0], 4e9],
    [[[['d', 0], 2000], 0], 2e6],
    [{ a: 'B' }, 2 ** 21],
    ['?', 2e6],
    [['u', 2000], 1000],
  ]) {
    t.throws(declare({ first: 'i', x: type }), RangeError, JSON.stringify(type));
  }
  t.throws(declare(Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`f${i}`, 'i']))), RangeError);
});

t.test('a field takes what its type takes', async (t) => {
  const All = Struct({ b: 'b', H: 'H', i: 'i', I: 'I', q: 'q', Q: 'Q', f: 'f', d: 'd', t: '?', c: 'c', u: 'u' });
  const all = new All({
    b: -128,
    H: 65535,
    i: -5,
    I: 2 ** 32 - 1,
    q: -5,
    Q: 2n ** 63n,
    f: 0.5,
    t: true,
    c: 'x',
    u: '€',
  });
  t.strictSame(
    { ...(all.toJSON() as object) },
    {
      b: -128,
      H: 65535,
      i: -5,
      I: 2 ** 32 - 1,
      q: -5n,
      Q: 2n ** 63n,
      f: 0.5,
      d: 0,
      t: true,
      c: Buffer.from('x'),
      u: '€',
    },
  );
  const any = all as Record<string, unknown>;
  for (const [field, value] of [
    ['b', 128],
    ['H', -1],
    ['i', 2 ** 31],
    ['I', 2 ** 32],
    ['i', 1.5],
    ['i', Number.NaN],
    ['q', 2n ** 63n],
    ['Q', -1],
    ['q', 2 ** 60],
    ['c', 'xy'],
    ['u', 'xy'],
  ] as const) {
    const before = any[field];
    t.throws(
      () => {
        any[field] = value;
      },
      RangeError,
      `${field} = ${value}`,
    );
    t.strictSame(any[field], before);
  }
  for (const [field, value] of [
    ['b', '1'],
    ['d', '1'],
    ['f', 1n],
    ['q', '1'],
    ['t', 2],
    ['u', 1],
    ['i', null],
  ] as const) {
    t.throws(
      () => {
        any[field] = value;
      },
      TypeError,
      `${field} = ${value}`,
    );
  }
  any.i = 5n;
  t.equal(any.i, 5);
  t.throws(() => new Point({ z: 1 } as object), TypeError);
  t.throws(() => new Point(5 as never), TypeError);
  t.throws(() => new Point([1, 2, 3]), { name: 'ValueError' });
});

t.test('nested structs and fixed arrays are live', async (t) => {
  const Shape = Struct({
    center: Point,
    weights: ['i', 3],
    label: ['c', 4],
    corners: [Point, 2],
    on: ['?', 2],
    m: [['h', 2], 2],
  });
  const shapes = new SharedArray(Shape, 2);
  const shape = shapes[1] as NonNullable<(typeof shapes)[number]>;
  const { center, corners, weights } = shape;
  t.equal(shape.center, center);
  center.x = 5;
  (corners[1] as { y: number }).y = 7;
  weights.set([1, 2, 3]);
  shape.on[1] = true;
  const any = shape as unknown as Record<string, unknown>;
  any.label = 'abc';
  any.m = [[1, 2], [3]];
  t.throws(
    () => {
      any.label = 'abcde';
    },
    { name: 'ValueError' },
  );
  t.throws(
    () => {
      any.weights = [1, 2, 3, 4];
    },
    { name: 'ValueError' },
  );
  t.throws(() => {
    any.weights = [2 ** 31];
  }, RangeError);
  t.throws(() => {
    any.weights = 5;
  }, TypeError);
  const again = deserialize(serialize(shapes)) as typeof shapes;
  t.strictSame((again[1] as typeof shape & { toJSON(): unknown }).toJSON(), {
    center: { x: 5, y: 0 },
    weights: [1, 2, 3],
    label: [97, 98, 99, 0],
    corners: [
      { x: 0, y: 0 },
      { x: 0, y: 7 },
    ],
    on: [false, true],
    m: [
      [1, 2],
      [3, 0],
    ],
  });
  again.close();
  shapes.close();
  t.throws(() => center.x, { name: 'ClosedError' });
  t.equal(weights.length, 0);
});

t.test('an array of structs', async (t) => {
  for (const arrayClass of [SharedArray, RawArray]) {
    const points = new arrayClass(Point, [{ x: 1, y: 2 }, [3, 4], new Point({ y: 6 }), {}]);
    t.ok(points instanceof arrayClass);
    t.ok(points[0] instanceof Point);
    t.equal(points.length, 4);
    t.strictSame(
      [...points].map(({ x, y }) => [x, y]),
      [
        [1, 2],
        [3, 4],
        [0, 6],
        [0, 0],
      ],
    );
    t.equal(points[0], points[0], 'the elements are kept');
    t.equal(points.at(-2).y, 6);
    t.equal(points[4], undefined);
    for (const index of [4, -5, 0.5, Number.NaN, 2 ** 53]) t.throws(() => points.at(index), RangeError, `at(${index})`);
    t.throws(() => points.at('0' as never), TypeError);
    t.strictSame([...new Float64Array(points.buffer)], [1, 2, 3, 4, 0, 6, 0, 0]);
    for (const point of points) point.x += 1;
    t.equal(points[1]?.x, 4);
    points.set([[8, 9]], 3);
    t.equal(points[3]?.y, 9);
    t.throws(
      () =>
        points.set(
          [
            [1, 1],
            [2, 2],
          ],
          3,
        ),
      RangeError,
    );
    t.throws(() => {
      (points as unknown as object[])[0] = { x: 1, y: 1 };
    }, TypeError);
    t.throws(() => {
      (points[0] as { x: unknown }).x = '1';
    }, TypeError);
    const first = points[0] as { x: number };
    points.close();
    points.close();
    t.equal(points.length, 0);
    t.throws(() => first.x, { name: 'ClosedError' });
    t.throws(
      () => {
        first.x = 1;
      },
      { name: 'ClosedError' },
    );
    t.throws(() => points.at(0).x, { name: 'ClosedError' });
    t.equal(points.buffer.byteLength, 0);
    t.throws(() => points.set([]), { name: 'ClosedError' });
    t.throws(() => [...points], { name: 'ClosedError' });
    t.equal(show(points), '[]');
    t.throws(() => serialize(points), { name: 'ClosedError' });
    const empty = new arrayClass(Point, 0);
    t.equal(empty.length, 0);
    t.equal(empty[0], undefined);
    empty.close();
    t.throws(() => new arrayClass(Point, -1), { name: 'ValueError' });
    t.throws(() => new arrayClass(Point, 1.5), TypeError);
    t.throws(() => new arrayClass(Point, 'ab' as never), TypeError);
    t.throws(() => new arrayClass(Point, [{ x: 'a' }] as never), TypeError);
    t.throws(() => new arrayClass(Point, 2 ** 40), RangeError);
  }
  t.throws(() => serialize(new Point()), TypeError, 'one struct in ordinary memory does not travel');
});

t.test('elements of a subclass are instances of it, made without its constructor', async (t) => {
  class Vector extends Point {
    static made = 0;
    constructor(x: number, y: number) {
      super({ x, y });
      Vector.made++;
    }
    get norm(): number {
      return Math.hypot((this as { x: number }).x, (this as { y: number }).y);
    }
  }
  t.equal(new Vector(3, 4).norm, 5);
  const vectors = new SharedArray(Vector as unknown as typeof Point, [{ x: 6, y: 8 }]);
  for (const each of [vectors[0], vectors.at(0), ...vectors]) {
    t.ok(each instanceof Vector);
    t.equal((each as unknown as Vector).norm, 10);
  }
  t.equal(Vector.made, 1);
  vectors.close();
  t.throws(() => (Point as unknown as () => void)(), TypeError);
});

t.test('programs that forbid code from strings have structs', async (t) => {
  const source = `import { Struct } from ${JSON.stringify(import.meta.resolve('multiproc'))};
    console.log(new (Struct({ x: 'i', 'if': ['i', 2] }))([1, [2, 3]]));`;
  const flags = ['--disallow-code-generation-from-strings', '--input-type=module', '-e', source];
  t.match(spawnSync(process.execPath, flags, { encoding: 'utf8' }).stdout, '{ x: 1, if: [ 2, 3 ] }');
});

t.test('memory that is used again is zero', async (t) => {
  for (let i = 0; i < 3; i++) {
    const value = new Value(Point);
    t.strictSame([value.x, value.y], [0, 0]);
    value.x = 5;
    value.y = 6;
    value.close();
  }
});

t.test('a value of a struct type has the fields as properties', async (t) => {
  const value = new Value(Point, { x: 3 });
  t.ok(value instanceof Value);
  t.notOk(value instanceof RawValue);
  value.y = 2;
  t.strictSame([value.x, value.y], [3, 2]);
  t.strictSame({ ...(await value.update((p) => ({ x: p.x * 2 }))) }, {});
  t.equal(value.x, 6);
  const after = value.updateSync((p) => {
    p.y = 4;
  });
  value.y = 5;
  t.equal(after.y, 4, 'a copy');
  const before = JSON.stringify(value);
  t.equal(before, '{"x":6,"y":5}', 'a value is written as its fields');
  t.throws(() => value.updateSync(() => ({ x: 99, y: 'no number' }) as never), TypeError);
  t.equal(JSON.stringify(value), before, 'what does not fit changes nothing');
  t.throws(() => value.updateSync((async () => ({})) as never), TypeError);
  t.throws(() => value.updateSync(5 as never), TypeError);
  t.equal(value.getLock().locked(), false);
  const lock = new Lock();
  const given = new Value(Point, [1, 2], { lock });
  t.equal(given.getLock(), lock);
  lock.tryAcquire();
  t.throws(() => given.updateSync(() => {}, 0), { name: 'TimeoutError' });
  await t.rejects(
    given.update(() => {}, 0),
    { name: 'TimeoutError' },
  );
  lock.release();
  const without = new Value(Point, [1, 2], { lock: false });
  t.throws(() => without.getLock(), { name: 'ValueError' });
  const raw = new RawValue(Point, [1, 2]);
  t.ok(raw instanceof RawValue);
  t.notOk(raw instanceof Value);
  t.throws(() => raw.updateSync(() => {}), { name: 'ValueError' });
  for (const field of ['close', 'getLock', 'name', 'value', 'update', 'unlink'] as const) {
    const Struct1 = Struct({ [field]: 'i' });
    t.throws(() => new Value(Struct1), TypeError, field);
    const array = new SharedArray(Struct1, 1);
    t.equal((array[0] as Record<string, unknown>)[field], 0, `${field} of an element`);
    array.close();
  }
  for (const each of [value, given, without, raw]) {
    each.close();
    each.close();
    t.throws(() => each.x, { name: 'ClosedError' });
    t.throws(() => serialize(each), { name: 'ClosedError' });
  }
  lock.close();
});

t.test('the struct of a value can be copied, and given to others', async (t) => {
  const Point = Struct({ x: 'i', y: 'd' });
  const value = new Value(Point, { x: 3, y: 2.5 });
  const copy = new Point(value);
  const other = new RawValue(Point, value);
  value.x = 9;
  t.strictSame([copy.x, copy.y, other.x, other.y], [3, 2.5, 3, 2.5]);
  value.close();
  other.close();
});

t.test('structs by name have the layout they were made with', async (t) => {
  const mine = name(t);
  const value = new Value(Point, [1, 2], { name: mine });
  const same = new Value(Struct({ x: 'float64', y: 'd' }), [5, 6], { name: mine });
  t.strictSame([same.x, same.y], [1, 2]);
  const opened = Value.open<typeof Point>(mine);
  opened.x = 7;
  t.equal(value.x, 7);
  t.equal(inspect(mine).type, 'struct');
  t.throws(() => Value.create(Point, [], { name: mine }), { code: 'EEXIST' });
  for (const other of [
    Struct({ x: 'd', z: 'd' }),
    Struct({ y: 'd', x: 'd' }),
    Struct({ x: 'd' }),
    Struct({ x: 'q', y: 'd' }),
  ]) {
    t.throws(() => new Value(other as typeof Point, {}, { name: mine }), {
      code: 'ERR_MULTIPROC_KIND',
      message: /to have layout \{".*\}, but it exists with layout \{".*\}: it lasts until unlink/,
    });
  }
  t.throws(() => new Value('d', 0, { name: mine }), { code: 'ERR_MULTIPROC_KIND' });
  t.throws(() => new SharedArray(Point, 1, { name: mine }), { code: 'ERR_MULTIPROC_KIND' });
  for (const each of [value, same, opened]) each.close();
  Value.unlink(mine);

  const points = SharedArray.create(Point, 3, { name: mine });
  t.throws(() => new SharedArray(Point, 2, { name: mine }), { code: 'ERR_MULTIPROC_KIND' });
  const found = SharedArray.open<typeof Point>(mine);
  (found[2] as { x: number }).x = 5;
  t.equal(points[2]?.x, 5);
  t.equal(inspect(mine).length, 3);
  points.close();
  found.close();
});

t.test('a damaged layout is an error', async (t) => {
  const mine = name(t);
  const points = new SharedArray(Point, 3, { name: mine });
  points.close();
  const file = `/dev/shm/${list(mine)[0]?.file}`;
  const good = readFileSync(file);
  const place = good.indexOf('{"x":"d","y":"d"}');
  t.ok(place > 0);
  for (const text of [
    '{"x":"d","y":"f"}',
    '{"x":"d","x":"d"}',
    '[[[[[[[[[[[[[[[[[',
    '\0'.repeat(17),
    '{"__proto__":"d"}',
  ]) {
    const bad = Buffer.from(good);
    bad.write(text, place, 'latin1');
    writeFileSync(file, bad);
    t.throws(() => SharedArray.open(mine), { code: 'ERR_MULTIPROC_SEGMENT' }, text);
  }
  writeFileSync(file, good);
  SharedArray.open(mine).close();
});

t.test('a forged layout that names far more elements than bytes is an error, with a valid hash too', async (t) => {
  const mine = name(t);
  const honest = Struct({ a: 'i', xxxxxxxxxx: [['i', 0], 1] } as { a: 'i' });
  const array = new SharedArray(honest, 3, { name: mine });
  array.close();
  const file = `/dev/shm/${list(mine)[0]?.file}`;
  const bytes = readFileSync(file);
  const text = '{"a":"i","xxxxxxxxxx":[["i",0],1]}';
  const hash = Buffer.alloc(4);
  const replace = (from: Buffer, to: Buffer) => {
    const place = bytes.indexOf(from);
    t.ok(place > 0);
    to.copy(bytes, place);
  };
  hash.writeUInt32LE(fnv(text));
  for (const [forged, isTaken] of [
    ['{"a":"i","xxx":[["i",0],10000000]}', false],
    ['{"a":"i","x":[["i",0],4000000000]}', false],
    ['{"a":"i","xxxxxxx":[["i",0],1000]}', true],
  ] as const) {
    t.equal(forged.length, text.length);
    const before = Buffer.from(bytes);
    const forgedHash = Buffer.alloc(4);
    forgedHash.writeUInt32LE(fnv(forged));
    replace(Buffer.from(text), Buffer.from(forged));
    replace(hash, forgedHash);
    writeFileSync(file, bytes);
    if (isTaken) JSON.stringify(SharedArray.open(mine).at(0));
    else t.throws(() => SharedArray.open(mine), { code: 'ERR_MULTIPROC_SEGMENT' }, forged);
    before.copy(bytes);
  }
  writeFileSync(file, bytes);
  SharedArray.open(mine).close();
});

/** The hash of a layout's text. */
function fnv(text: string): number {
  let hash = 0x811c9dc5;
  for (const letter of Buffer.from(text)) hash = Math.imul(hash ^ letter, 0x01000193);
  return hash >>> 0;
}

t.test('a struct of too many elements to copy is refused by JSON, and shown', async (t) => {
  for (const type of [
    ['b', 2 ** 24],
    [['b', 2 ** 12], 2 ** 12],
  ] as unknown as ['b', number][]) {
    const large = new RawValue(Struct({ first: 'b', rest: type }));
    t.throws(() => JSON.stringify(large), { name: 'RangeError', message: /at most 16777216 scalars.*16777217/ });
    t.throws(() => JSON.stringify({ deep: [large] }), RangeError);
    t.match(show(large), /first: 0/);
    large.close();
  }
  const most = new RawValue(Struct({ first: 'b', rest: ['b', 2 ** 16] }));
  t.equal(JSON.parse(JSON.stringify(most)).rest.length, 2 ** 16);
  most.close();
});

t.test('another process gets the fields, and no locked change is lost', async (t) => {
  const point = new Value(Point, [3, 2]);
  const points = new SharedArray(Point, [
    [1.875, -6.25],
    [-5.75, 2],
  ]);
  const other = program(t, 'structs');
  other.send(serialize({ point, points }));
  t.equal(await other.message(), 'squared');
  t.strictSame([point.x, point.y], [6, 4]);
  t.strictSame(
    [...points].map(({ x, y }) => [x, y]),
    [
      [3.515625, 39.0625],
      [33.0625, 4],
    ],
  );
  other.send('count');
  for (let i = 0; i < 5000; i++) point.updateSync((p) => ({ x: p.x + 1 }));
  t.equal(await other.message(), 'counted');
  t.equal(point.x, 10_006);
  await other.ended;
  point.close();
  points.close();
});

/** Structs made up from a seed, the same in C, in Python and here. */
type Declared = { fields: [string, Made][] };
type Made = string | [Made, number] | Declared;

const names: Record<string, [string, string]> = {
  b: ['signed char', 'c_byte'],
  B: ['unsigned char', 'c_ubyte'],
  h: ['short', 'c_short'],
  H: ['unsigned short', 'c_ushort'],
  i: ['int', 'c_int'],
  I: ['unsigned', 'c_uint'],
  l: ['long', 'c_long'],
  L: ['unsigned long', 'c_ulong'],
  q: ['long long', 'c_longlong'],
  Q: ['unsigned long long', 'c_ulonglong'],
  f: ['float', 'c_float'],
  d: ['double', 'c_double'],
  '?': ['_Bool', 'c_bool'],
  c: ['char', 'c_char'],
  u: ['wchar_t', 'c_wchar'],
};

const seed = Number(process.env.MULTIPROC_TEST_SEED ?? Date.now() % 1e9);
let state = seed;
/** An integer below `n`. */
function random(n: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * n);
}

function makeUp(depth: number): Declared {
  return { fields: Array.from({ length: 1 + random(5) }, (_, i) => [`f${i}`, makeUpType(depth)]) };
}

function makeUpType(depth: number): Made {
  const kind = depth > 0 ? random(5) : 4;
  if (kind === 0) return makeUp(depth - 1);
  if (kind === 1) return [makeUpType(depth - 1), 1 + random(4)];
  const codes = Object.keys(names);
  return codes[random(codes.length)] as string;
}

function declare(made: Made): never {
  if (typeof made === 'string') return made as never;
  if (Array.isArray(made)) return [declare(made[0]), made[1]] as never;
  return Struct(Object.fromEntries(made.fields.map(([field, type]) => [field, declare(type)]))) as never;
}

/** Every scalar in it, with an expression that C and Python understand; small numbers fit every type. */
function* leaves(made: Made, value: unknown, path: string): Generator<[string, number | bigint]> {
  if (typeof made === 'string') yield [path, numberOf(value)];
  else if (Array.isArray(made)) {
    for (let i = 0; i < made[1]; i++) yield* leaves(made[0], (value as unknown[])[i], `${path}[${i}]`);
  } else for (const [field, type] of made.fields) yield* leaves(type, (value as never)[field], `${path}.${field}`);
}

function numberOf(value: unknown): number | bigint {
  if (typeof value === 'string') return value.codePointAt(0) as number;
  if (typeof value === 'boolean') return Number(value);
  return value instanceof Uint8Array ? (value[0] as number) : (value as number | bigint);
}

/** Small and not 0, at which ctypes ends what it shows of text. */
function values(made: Made): unknown {
  if (made === '?') return random(2) === 1;
  if (made === 'u') return String.fromCodePoint(1 + random(99));
  if (typeof made === 'string') return 1 + random(99);
  if (Array.isArray(made) && made[0] === 'c') return Buffer.from(Array.from({ length: made[1] }, () => 1 + random(99)));
  if (Array.isArray(made)) return Array.from({ length: made[1] }, () => values(made[0]));
  return Object.fromEntries(made.fields.map(([field, type]) => [field, values(type)]));
}

/** The structs, the bytes of one of each with random values, and the lines that others should print. */
function sample(t: Scope): { structs: Declared[]; bytes: Buffer[]; lines: string[] } {
  const structs = Array.from({ length: 40 }, () => makeUp(3));
  const bytes: Buffer[] = [];
  const lines: string[] = [];
  for (const made of structs) {
    const type = declare(made) as typeof Point;
    const mine = name(t);
    const value = new RawValue(type, values(made) as object, { name: mine });
    lines.push(`size ${type.size}`);
    for (const [field, offset] of Object.entries(type.offsets)) lines.push(`${field} ${offset}`);
    for (const [path, leaf] of leaves(made, value, 's')) lines.push(`${path} ${leaf}`);
    const file = readFileSync(`/dev/shm/${list(mine)[0]?.file}`);
    const end = file.indexOf('{"f0"');
    bytes.push(file.subarray(end - type.size, end));
    value.close();
    RawValue.unlink(mine);
  }
  return { structs, bytes, lines };
}

function inC(made: Made, declarator: string): string {
  if (typeof made === 'string') return `${(names[made] as string[])[0]} ${declarator};`;
  if (Array.isArray(made)) return inC(made[0], `${declarator}[${made[1]}]`);
  return `struct { ${made.fields.map(([field, type]) => inC(type, field)).join(' ')} } ${declarator};`;
}

function inPython(made: Made): string {
  if (typeof made === 'string') return (names[made] as string[])[1] as string;
  if (Array.isArray(made)) return `(${inPython(made[0])} * ${made[1]})`;
  return `type('S', (Structure,), {'_fields_': [${made.fields.map(([f, type]) => `('${f}', ${inPython(type)})`)}]})`;
}

function missing(file: string, args: string[]): string | false {
  return spawnSync(file, args).status === 0 ? false : `no ${file}`;
}

t.test(`C agrees on random structs (seed ${seed})`, { skip: missing('cc', ['--version']) }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'struct-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const { structs, bytes, lines } = sample(t);
  const parts = structs.map((made, i) => {
    const prints = [...leaves(made, values(made), 's')].map(([path]) => `printf("${path} %g\\n", (double)${path});`);
    const offsets = made.fields.map(([field]) => `printf("${field} %zu\\n", offsetof(T${i}, ${field}));`);
    return `typedef ${inC(made, `T${i}`)}
static void print${i}(void) {
  T${i} s;
  unsigned char bytes[] = {${[...(bytes[i] as Buffer)].join()}};
  _Static_assert(sizeof s == sizeof bytes, "size");
  memcpy(&s, bytes, sizeof s);
  printf("size %zu\\n", sizeof s);
  ${offsets.join('\n  ')}
  ${prints.join('\n  ')}
}`;
  });
  const main = `int main(void) { ${structs.map((_, i) => `print${i}();`).join(' ')} }`;
  const source = [
    '#include <stddef.h>',
    '#include <stdio.h>',
    '#include <string.h>',
    '#include <wchar.h>',
    ...parts,
    main,
  ].join('\n');
  writeFileSync(join(folder, 's.c'), source);
  const compiled = spawnSync('cc', ['-o', join(folder, 's'), join(folder, 's.c')], { encoding: 'utf8' });
  t.equal(compiled.status, 0, compiled.stderr);
  t.strictSame(spawnSync(join(folder, 's'), { encoding: 'utf8' }).stdout.trim().split('\n'), lines);
});

t.test(
  `ctypes agrees on random structs (seed ${seed})`,
  { skip: missing('python3', ['-c', 'import ctypes']) },
  async (t) => {
    const { structs, bytes, lines } = sample(t);
    const parts = structs.map((made, i) => {
      const prints = [...leaves(made, values(made), 's')].map(([path]) => `print('${path}', number(${path}))`);
      const offsets = made.fields.map(([field]) => `print('${field}', T.${field}.offset)`);
      return `T = ${inPython(made)}
s = T.from_buffer_copy(bytes.fromhex('${(bytes[i] as Buffer).toString('hex')}'))
print('size', sizeof(T))
${offsets.join('\n')}
${prints.join('\n')}`;
    });
    const number = 'number = lambda x: ord(x) if isinstance(x, (str, bytes)) else int(x)';
    const source = ['from ctypes import *', number, ...parts].join('\n');
    const ran = spawnSync('python3', ['-'], { encoding: 'utf8', input: source });
    t.strictSame(ran.stdout.trim().split('\n'), lines, ran.stderr);
  },
);
