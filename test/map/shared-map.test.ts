/** SharedMap in one process and in several: Map's interface, what travels, eviction, expiry, atomic changes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { deserialize, Full, inspect, Lock, SharedMap, serialize } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { freshName, Remote } from '../harness/remote.js';

leaveNothing(t);
t.setTimeout(120_000);

/** Each call of the test has a map of its own. */
function withMap<V>(
  options: ConstructorParameters<typeof SharedMap>[0],
  act: (map: SharedMap<never, V>) => void,
): void {
  const map = new SharedMap<never, V>(options as object);
  try {
    act(map);
  } finally {
    map.close();
  }
}

t.test('a map has the interface of Map', (t) => {
  withMap<unknown>({}, (map) => {
    const any = map as unknown as SharedMap;
    const own = new Map<unknown, unknown>();
    const values = [
      1,
      -0,
      'text',
      'ünï',
      'half \ud800',
      '',
      true,
      false,
      null,
      undefined,
      12n,
      2n ** 90n,
      0.5,
      Number.NaN,
    ];
    for (const [i, value] of values.entries()) {
      own.set(`key ${i}`, value);
      t.equal(any.set(`key ${i}`, value), any, 'set returns the map');
    }
    t.equal(any.size, own.size);
    for (const [key, value] of own) t.ok(Object.is(any.get(key as string), value), String(value));
    t.strictSame(new Map(any), own);
    t.strictSame(new Set(any.keys()), new Set(own.keys()));
    t.equal([...any.values()].length, own.size);
    const seen: unknown[] = [];
    any.forEach(function (this: unknown, _value, key, of) {
      t.equal(of, any);
      t.equal(this, own);
      seen.push(key);
    }, own);
    t.strictSame(new Set(seen), new Set(own.keys()));
    t.equal(any.has('key 9'), true, 'undefined is a value');
    t.equal(any.get('no such key'), undefined);
    t.equal(any.delete('key 1'), true);
    t.equal(any.delete('key 1'), false);
    t.equal(any.has('key 1'), false);
    any.clear();
    t.equal(any.size, 0);
    t.strictSame([...any], []);
    t.equal(Object.prototype.toString.call(any), '[object SharedMap]');
  });
  t.end();
});

t.test('keys of different types differ, and those that Map takes for one are one', (t) => {
  withMap<string>({}, (narrow) => {
    const map = narrow as unknown as SharedMap;
    const keys = [
      '1',
      1,
      1n,
      Buffer.from('1'),
      'a'.repeat(1024),
      2n ** 80n,
      -(2n ** 80n),
      0.1,
      Infinity,
      '\ud800',
      '�',
      '',
    ];
    for (const [i, key] of keys.entries()) map.set(key, `value ${i}`);
    t.equal(map.size, keys.length);
    for (const [i, key] of keys.entries()) t.equal(map.get(key), `value ${i}`);
    t.strictSame(new Set([...map.keys()].map(String)).size, new Set(keys.map(String)).size);
    map.set(0, 'zero').set(Number.NaN, 'nan');
    t.equal(map.get(-0), 'zero');
    t.equal(map.get(0 / 0), 'nan');
    t.equal(map.get(new Uint8Array([49])), 'value 3', 'bytes by their content');
    t.throws(() => map.set('x'.repeat(1025), 1), { name: 'RangeError', message: /at most 1024 bytes, got 1025/ });
    for (const wrong of [undefined, null, {}, Symbol('x'), true, new Uint16Array(2)]) {
      t.throws(() => map.get(wrong as never), { name: 'TypeError', message: /a string, a number, a bigint, a Buffer/ });
    }
  });
  t.end();
});

t.test('values are those of the codec, of all sizes', (t) => {
  withMap<unknown>({ capacity: 128 << 20 }, (narrow) => {
    const map = narrow as unknown as SharedMap;
    const cyclic: Record<string, unknown> = { list: [1, [2]], map: new Map([['a', new Date(5)]]) };
    cyclic.self = cyclic;
    for (const value of [
      { a: 1, b: ['x', { c: null }] },
      cyclic,
      new Set([1]),
      /x/g,
      new RangeError('no'),
      [],
      Math.max,
    ]) {
      if (value !== Math.max) {
        map.set('value', value);
        t.strictSame(map.get('value'), value);
      }
    }
    for (const view of [
      new Float64Array([1, 2]),
      new Uint8Array(3),
      new DataView(new ArrayBuffer(5)),
      Buffer.from('abc'),
    ]) {
      map.set('view', view);
      const got = map.get('view') as Uint8Array;
      t.equal(Object.getPrototypeOf(got), Object.getPrototypeOf(view));
      t.strictSame(
        Buffer.from(got.buffer, got.byteOffset, got.byteLength),
        Buffer.from(view.buffer, view.byteOffset, view.byteLength),
      );
    }
    for (const length of [
      0, 1, 255, 256, 257, 1000, 1024, 1990, 2000, 2048, 4000, 4096, 8192, 70_000, 1_000_000, 9_000_000,
    ]) {
      const bytes = Buffer.alloc(length, `${length};`);
      const text = `${length};`.repeat(length / 4);
      map.set('bytes', bytes).set('text', text).set('wide', `ü${text}`).set('object', { text, length });
      t.ok(bytes.equals(map.get('bytes') as Buffer), `${length} bytes`);
      t.ok(map.get('text') === text && map.get('wide') === `ü${text}`);
      t.strictSame(map.get('object'), { text, length });
      map.delete('object');
    }
    const lock = new Lock();
    t.throws(() => map.set('lock', { lock }), { name: 'TypeError', message: /without shared objects/ });
    lock.close();
    t.throws(() => map.set('fn', () => 1), TypeError);
    t.throws(() => map.set('huge', Buffer.alloc(129 << 20)), { code: 'ERR_MULTIPROC_FULL' });
    t.equal(map.has('fn'), false);
  });
  t.end();
});

t.test('a full map evicts what was not used for long, or throws Full', (t) => {
  withMap<number>({ maxEntries: 3 }, (narrow) => {
    const map = narrow as unknown as SharedMap<string, number>;
    map.set('a', 1).set('b', 2).set('c', 3);
    map.get('a');
    map.set('d', 4);
    t.equal(map.size, 3);
    t.strictSame(new Set(map.keys()), new Set(['a', 'c', 'd']));
    map.peek('c');
    map.set('e', 5);
    t.strictSame(new Set(map.keys()), new Set(['a', 'd', 'e']), 'peek is no use');
    map.set('f', 6);
    t.strictSame(new Set(map.keys()), new Set(['d', 'e', 'f']), 'what was used once does not stay for ever');
    t.equal(map.stats().evictions, 3);
  });
  withMap<unknown>({ maxEntries: 3, eviction: 'none' }, (narrow) => {
    const map = narrow as unknown as SharedMap<string, number>;
    map.set('a', 1).set('b', 2).set('c', 3);
    t.throws(() => map.set('d', 4), Full);
    map.set('a', 5);
    map.delete('b');
    map.set('d', 4);
    t.strictSame(
      new Map(map),
      new Map([
        ['a', 5],
        ['c', 3],
        ['d', 4],
      ]),
    );
  });
  withMap<unknown>({ capacity: 1 << 20 }, (narrow) => {
    const map = narrow as unknown as SharedMap<string, Buffer>;
    for (let i = 0; i < 3000; i++) map.set(`key ${i}`, Buffer.alloc((i * 37) % 20_000, i));
    let found = 0;
    for (let i = 0; i < 3000; i++) {
      const value = map.get(`key ${i}`);
      if (value === undefined) continue;
      found++;
      if (!value.equals(Buffer.alloc((i * 37) % 20_000, i))) t.fail(`key ${i} is torn`);
    }
    t.ok(found > 30, `${found} of sizes up to 20,000 are there`);
    t.ok(map.stats().used <= 1 << 20);
    map.set('all', Buffer.alloc((1 << 20) - 8192));
    t.equal(map.get('all')?.length, (1 << 20) - 8192, 'a value nearly as large as the map');
  });
  withMap<unknown>({ capacity: 1 << 20, eviction: 'none' }, (narrow) => {
    const map = narrow as unknown as SharedMap<number, string>;
    let i = 0;
    try {
      for (; ; i++) map.set(i, 'x'.repeat(100));
    } catch (error) {
      t.ok(error instanceof Full);
    }
    t.ok(i > 5000, `${i} entries of 100 bytes fit in 1 MiB`);
    for (let k = 0; k < i; k++) if (map.get(k) !== 'x'.repeat(100)) t.fail(`${k} is lost`);
    for (let k = 0; k < i; k++) map.delete(k);
    map.set(0, 'y'.repeat(900_000));
    t.equal(map.get(0)?.length, 900_000, 'the memory of small entries is used for a large one');
  });
  t.end();
});

t.test('entries expire exactly, and give their memory back', async (t) => {
  const map = new SharedMap<string, number>({ ttl: 60_000, maxEntries: 100, eviction: 'none' });
  map.set('stays', 1).set('goes', 2, { ttl: 1000 }).set('lasts', 3, { ttl: Infinity }).set('touched', 4, { ttl: 1000 });
  t.equal(map.get('goes'), 2);
  t.equal(map.touch('touched'), true);
  t.equal(map.touch('no such key'), false);
  await sleep(1001);
  t.equal(map.get('goes'), undefined);
  t.equal(map.has('goes'), false);
  t.strictSame(new Set(map.keys()), new Set(['stays', 'lasts', 'touched']));
  t.equal(map.stats().expired, 1);
  for (let i = map.size; i < 100; i++) map.set(`short ${i}`, i, { ttl: 1 });
  await sleep(2);
  for (let i = 0; i < 97; i++) map.set(`long ${i}`, i);
  t.equal(map.size, 100, 'what has expired makes room, though nothing is evicted');
  t.throws(() => map.set('one more', 1), Full);
  for (const [wrong, name] of [
    [0, 'ERR_MULTIPROC_VALUE'],
    [1.5, undefined],
    ['x', undefined],
  ] as const) {
    t.throws(
      () => map.set('a', 1, { ttl: wrong as number }),
      name === undefined ? { message: /"ttl"/ } : { code: name },
    );
  }
  t.throws(() => map.set('a', 1, 1000 as never), { message: /write \{ ttl: 1000 \}/ });
  t.throws(() => map.set('a', 1, { tll: 5 } as never), { message: /Did you mean "ttl"/ });
  map.close();
});

t.test('memory is given back when a map shrinks', async (t) => {
  const map = new SharedMap<number, string>({ name: freshName(t) });
  const empty = inspect(map).memory;
  t.ok(empty < 100_000, `an empty map takes ${empty} bytes`);
  const text = 'x'.repeat(3000);
  for (let i = 0; i < 10_000; i++) map.set(i, text);
  t.ok(inspect(map).memory > 30_000_000);
  map.clear();
  for (let i = 0; i < 100 && inspect(map).memory > 12_000_000; i++) await sleep(100);
  const after = inspect(map).memory;
  t.ok(after <= 12_000_000, `afterwards it takes ${after} bytes`);
  map.set(1, 'still works');
  t.equal(map.get(1), 'still works');
  map.close();
});

t.test('atomic changes', (t) => {
  withMap<unknown>({}, (narrow) => {
    const map = narrow as unknown as SharedMap<string, unknown>;
    t.equal(map.add('n'), 1);
    t.equal(map.add('n', 2.5), 3.5);
    t.equal(map.get('n'), 3.5);
    map.set('text', 'x');
    t.throws(() => map.add('text'), { name: 'TypeError', message: /to be a number/ });
    t.equal(map.getOrInsert('n', 9), 3.5);
    t.equal(map.getOrInsert('m', 9), 9);
    t.equal(
      map.update('m', (m) => Number(m) + 1),
      10,
    );
    t.equal(
      map.update('new', (m) => (m === undefined ? 'made' : 'wrong')),
      'made',
    );
    t.equal(
      map.update('new', () => undefined),
      undefined,
    );
    t.equal(map.has('new'), false);
    let calls = 0;
    map.update('m', (m) => {
      if (calls++ === 0) map.set('m', 100);
      return Number(m) + 1;
    });
    t.equal(map.get('m'), 101, 'a write in between is not lost');
    calls = 0;
    map.set('c', 1);
    map.update('c', (c) => {
      if (calls++ === 0) map.add('c', 10);
      return Number(c) + 1;
    });
    t.equal(map.get('c'), 12, 'nor is an addition');
    t.throws(() => map.update('m', (async () => 1) as never), { message: /must be synchronous/ });
    map.set('object', { a: 1, list: ['x'] });
    t.equal(map.compareAndSet('object', { a: 2 }, 1), false);
    t.equal(map.compareAndSet('object', { a: 1, list: ['x'] }, { a: 2 }), true);
    t.strictSame(map.get('object'), { a: 2 });
    t.equal(map.compareAndSet('object', undefined, 1), false);
    t.equal(map.compareAndSet('absent', undefined, 1), true);
    t.equal(map.compareAndSet('absent', 1, undefined), true);
    t.equal(map.has('absent'), false);
    const large = 'x'.repeat(100_000);
    map.set('large', large);
    t.equal(map.compareAndSet('large', large, 'small'), true);
  });
  t.end();
});

t.test('of all callers one computes', async (t) => {
  const map = new SharedMap<string, string>();
  let calls = 0;
  const compute = async (key: string) => {
    calls++;
    await sleep(5);
    return `${key}!`;
  };
  const all = await Promise.all(Array.from({ length: 20 }, () => map.getOrCompute('a', compute)));
  t.strictSame(new Set(all), new Set(['a!']));
  t.equal(calls, 1);
  let failures = 0;
  const outcomes = await Promise.allSettled(
    Array.from({ length: 5 }, () =>
      map.getOrCompute('b', async () => {
        await sleep(1);
        if (failures++ < 2) throw new Error('not yet');
        return 'at last';
      }),
    ),
  );
  t.equal(outcomes.filter(({ status }) => status === 'rejected').length, 2, 'an error goes to its own caller');
  t.equal(map.get('b'), 'at last');
  let release = () => {};
  const slow = map.getOrCompute(
    'c',
    () =>
      new Promise((resolve) => {
        release = () => resolve('c');
      }),
  );
  await t.rejects(map.getOrCompute('c', compute, { wait: 10 }), { code: 'ERR_MULTIPROC_TIMEOUT' });
  const stop = new AbortController();
  const stopped = map.getOrCompute('c', compute, { wait: { signal: stop.signal } });
  stop.abort(new Error('enough'));
  await t.rejects(stopped, /enough/);
  const waiting = map.getOrCompute('c', compute);
  release();
  t.equal(await slow, 'c');
  t.equal(await waiting, 'c');
  const never = map.getOrCompute('d', () => new Promise(() => {}));
  const left = t.rejects(map.getOrCompute('d', compute), { code: 'ERR_MULTIPROC_CLOSED' });
  await sleep(1);
  map.close();
  await left;
  void never;
  t.throws(() => map.get('a'), { code: 'ERR_MULTIPROC_CLOSED' });
  map.close();
});

t.test('a computation is taken over from a process that dies', async (t) => {
  const name = freshName(t);
  const map = new SharedMap<string, string>({ name });
  const other = new Remote(t);
  const theirs = await other.make('SharedMap', { name });
  t.equal(await theirs.call('getOrInsert', 'x', { y: 1 }).then(() => (map.get('x') as unknown as { y: number }).y), 1);
  const { program } = await import('../harness/program.js');
  const computing = program(t, 'map-computer', { args: [name, 'key'] });
  await computing.message();
  const waiting = map.getOrCompute('key', () => 'mine');
  t.equal(await Promise.race([waiting, sleep(20).then(() => 'waits')]), 'waits');
  computing.kill();
  t.equal(await waiting, 'mine');
  await computing.ended;
  map.close();
});

t.test('a named map is one map, with one set of options', (t) => {
  const name = freshName(t);
  const map = SharedMap.create<string, number>({ name, capacity: 1 << 20, ttl: 1000, maxEntries: 10 });
  map.set('a', 1);
  t.throws(() => SharedMap.create({ name }), { code: 'EEXIST' });
  const other = SharedMap.open<string, number>(name);
  t.equal(other.get('a'), 1);
  const third = new SharedMap<string, number>({ name });
  t.equal(third.get('a'), 1, 'options that are not given are those of the map');
  for (const [options, message] of [
    [{ capacity: 1 << 21 }, /capacity 2097152, but it exists with capacity 1048576/],
    [{ ttl: 5 }, /ttl 5, but it exists with ttl 1000/],
    [{ maxEntries: 11 }, /maxEntries 11, but it exists with maxEntries 10/],
    [{ eviction: 'none' }, /eviction 'none', but it exists with eviction 'lru'/],
  ] as const) {
    t.throws(() => new SharedMap({ name, ...options }), { code: 'ERR_MULTIPROC_KIND', message });
  }
  t.throws(() => new Lock({ name }), {
    code: 'ERR_MULTIPROC_KIND',
    message: /kind Lock, but it exists with kind SharedMap/,
  });
  t.match(inspect(name), { kind: 'SharedMap', map: { entries: 1, maxEntries: 10, ttl: 1000, eviction: 'lru' } });
  for (const each of [map, other, third]) each.close();
  SharedMap.unlink(name);
  t.throws(() => SharedMap.open(name), { code: 'ENOENT' });
  for (const wrong of [{ capacity: 5 }, { capacity: 2 ** 40 }, { maxEntries: 0 }, { eviction: 'fifo' }, { size: 3 }]) {
    t.throws(() => new SharedMap(wrong as never), { message: /"(capacity|maxEntries|eviction|size)"/ });
  }
  t.end();
});

t.test('a map travels, and is the same map there', async (t) => {
  const map = new SharedMap<string, unknown>();
  const copy = deserialize(serialize(map)) as SharedMap<string, unknown>;
  copy.set('from', 'the copy');
  t.equal(map.get('from'), 'the copy');
  copy.close();
  const other = new Remote(t);
  const theirs = await other.attach(serialize(map));
  await theirs.call('getOrInsert', 'there', Buffer.from('x'));
  t.strictSame(map.get('there'), Buffer.from('x'));
  t.equal(await theirs.get('size'), 2);
  await theirs.call('close');
  t.throws(() => structuredClone(map));
  map.close();
});

t.test('an iteration sees each entry once while the map grows', (t) => {
  withMap<number>({}, (narrow) => {
    const map = narrow as unknown as SharedMap<number, number>;
    for (let i = 0; i < 5000; i++) map.set(i, i);
    const seen = new Map<number, number>();
    let more = 5000;
    for (const [key] of map) {
      seen.set(key, (seen.get(key) ?? 0) + 1);
      if (more < 20_000) for (let i = 0; i < 50; i++) map.set(more, more++);
    }
    for (let i = 0; i < 5000; i++) if (seen.get(i) !== 1) t.fail(`${i} came ${seen.get(i)} times`);
    t.ok([...seen.values()].every((times) => times === 1));
  });
  t.end();
});

t.test('the hit rate is that of LRU, on a Zipf trace with room for a tenth', (t) => {
  const keys = 10_000;
  const room = keys / 10;
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let i = 0; i < keys; i++) sums[i] = sum += 1 / (i + 1) ** 0.99;
  const next = () => {
    const wanted = random() * sum;
    let low = 0;
    for (let high = keys - 1; low < high; ) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const lru = new Map<number, true>();
  let lruHits = 0;
  let hits = 0;
  const reads = 100_000;
  withMap<true>({ maxEntries: room }, (narrow) => {
    const map = narrow as unknown as SharedMap<number, true>;
    for (let i = 0; i < reads; i++) {
      const key = next();
      if (lru.delete(key)) lruHits++;
      else if (lru.size === room) lru.delete(lru.keys().next().value as number);
      lru.set(key, true);
      if (map.get(key) === true) hits++;
      else map.set(key, true);
    }
    t.equal(map.stats().own.hits, hits);
  });
  t.comment(`LRU ${((100 * lruHits) / reads).toFixed(2)} %, SharedMap ${((100 * hits) / reads).toFixed(2)} %`);
  t.ok(hits / reads > lruHits / reads - 0.01);
  t.end();
});
