/** Value and RawValue: typed, atomic, shared by name, and closed for good. */
import { Lock, RawValue, RLock, type TypeName, typecodeToType, Value } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program, type Scope } from '../harness/program.js';

t.before(() => leaveNothing(t));

let made = 0;
/** A name of this run, removed when the test ends. */
function name(t: Scope): string {
  const mine = `test-value-${process.pid}-${made++}`;
  t.teardown(() => {
    try {
      Value.unlink(mine);
    } catch {
      // The test itself has unlinked it.
    }
  });
  return mine;
}

const limits: [TypeName, number | bigint, number | bigint][] = [
  ['b', -128, 127],
  ['B', 0, 255],
  ['h', -32768, 32767],
  ['H', 0, 65535],
  ['i', -(2 ** 31), 2 ** 31 - 1],
  ['I', 0, 2 ** 32 - 1],
  ['l', -(2n ** 63n), 2n ** 63n - 1n],
  ['L', 0n, 2n ** 64n - 1n],
  ['q', -(2n ** 63n), 2n ** 63n - 1n],
  ['Q', 0n, 2n ** 64n - 1n],
  ['int8', -128, 127],
  ['uint8', 0, 255],
  ['int16', -32768, 32767],
  ['uint16', 0, 65535],
  ['int32', -(2 ** 31), 2 ** 31 - 1],
  ['uint32', 0, 2 ** 32 - 1],
  ['int64', -(2n ** 63n), 2n ** 63n - 1n],
  ['uint64', 0n, 2n ** 64n - 1n],
];

t.test('an integer holds its limits and refuses what lies beyond them', async (t) => {
  for (const [type, low, high] of limits) {
    const value = new Value(type as 'q');
    const zero = typeof low === 'bigint' ? 0n : 0;
    t.equal(value.value, zero, `${type} starts at zero`);
    for (const limit of [low, high]) {
      value.value = limit;
      t.equal(value.value, limit, `${type} ${limit}`);
    }
    const beyond = typeof low === 'bigint' ? [low - 1n, (high as bigint) + 1n] : [low - 1, (high as number) + 1];
    for (const wrong of [...beyond, 0.5, Number.NaN]) {
      t.throws(() => new Value(type as 'q', wrong), RangeError, `new ${type} ${wrong}`);
      t.throws(() => {
        value.value = wrong;
      }, RangeError);
      t.throws(() => value.add(wrong), RangeError);
      t.throws(() => value.compareExchange(0, wrong), RangeError);
      t.throws(() => value.updateSync(() => wrong), RangeError);
    }
    for (const wrong of ['1', null, true, {}]) {
      t.throws(() => {
        value.value = wrong as never;
      }, TypeError);
    }
    t.equal(value.value, high, 'and nothing has changed it');
    value.close();
  }
});

t.test('an integer counts atomically, and tells what it was before', async (t) => {
  for (const [type, low, high] of limits) {
    const of = (n: number) => (typeof low === 'bigint' ? BigInt(n) : n);
    const value = new Value(type as 'q', of(5));
    t.equal(value.add(of(3)), of(5));
    t.equal(value.sub(of(6)), of(8));
    t.equal(value.or(of(12)), of(2));
    t.equal(value.and(of(6)), of(14));
    t.equal(value.xor(of(5)), of(6));
    t.equal(value.exchange(of(100)), of(3));
    t.equal(value.compareExchange(of(99), of(1)), of(100));
    t.equal(value.value, of(100));
    t.equal(value.compareExchange(of(100), of(1)), of(100));
    t.equal(value.value, of(1));
    value.value = high;
    t.equal(value.add(of(1)), high);
    t.equal(value.value, low, `${type} wraps around as in C`);
    t.equal(
      value.updateSync(() => of(7)),
      of(7),
    );
    value.close();
  }
});

t.test('64-bit integers read as numbers if asked for', async (t) => {
  const value = new Value('q', 2 ** 33, { numbers: true });
  t.equal(value.value, 2 ** 33);
  t.equal(value.add(1), 2 ** 33);
  t.equal(
    value.updateSync((n) => n * 2),
    2 ** 34 + 2,
  );
  value.value = 5n;
  t.equal(value.value, 5);
  value.close();
});

t.test('floats hold what their size can hold', async (t) => {
  const d = new Value('d', 1 / 3);
  const f = new Value('f', 1 / 3);
  t.equal(d.value, 1 / 3);
  t.equal(f.value, Math.fround(1 / 3));
  for (const special of [Number.NaN, Infinity, -0, Number.MAX_VALUE, Number.MIN_VALUE]) {
    d.value = special;
    t.ok(Object.is(d.value, special), String(special));
  }
  t.ok(Number.isNaN(await d.update(() => Number.NaN)));
  t.equal(
    d.updateSync((x) => (Number.isNaN(x) ? 2 : 3)),
    2,
    'NaN can be updated, too',
  );
  t.equal(
    f.updateSync((x) => x * 3),
    1,
  );
  for (const operation of ['add', 'sub', 'and', 'or', 'xor', 'exchange', 'compareExchange'] as const) {
    t.throws(() => (d as never as Value<'i'>)[operation](1, 1), { name: 'TypeError', message: /update/ });
  }
  t.throws(() => new Value('d', '1' as never), TypeError);
  d.close();
  f.close();
});

t.test('booleans, bytes and code points', async (t) => {
  const bool = new Value('?');
  t.equal(bool.value, false);
  bool.value = true;
  t.equal(bool.value, true);
  t.equal(
    bool.updateSync((x) => !x),
    false,
  );
  t.throws(() => new Value('bool', 'yes' as never), TypeError);
  const char = new Value('c', 'x');
  t.strictSame(char.value, Buffer.from('x'));
  char.value = Buffer.of(255);
  t.strictSame(char.value, Buffer.of(255));
  t.throws(() => new Value('c', 'xy'), RangeError);
  t.throws(() => new Value('c', 'é'), RangeError);
  const point = new Value('u', '😀');
  t.equal(point.value, '😀');
  point.value = '\u{10ffff}';
  t.equal(point.value, '\u{10ffff}');
  t.throws(() => new Value('u', 'ab'), RangeError);
  t.throws(() => new Value('u', ''), RangeError);
  for (const value of [bool, char, point]) {
    t.throws(() => (value as never as Value<'i'>).add(1), TypeError);
    value.close();
  }
});

t.test('an unknown type is refused', async (t) => {
  for (const wrong of ['x', 'int', '', undefined, 3, 'constructor', {}]) {
    t.throws(() => new Value(wrong as never), { name: 'TypeError', message: /typecode/ });
  }
  t.strictSame(typecodeToType.i, { name: 'int32', size: 4 });
  t.strictSame(typecodeToType.u, { name: 'wchar', size: 4 });
  t.strictSame(Object.keys(typecodeToType).sort(), [...'?BHILQbcdfhilqu']);
});

t.test('the lock is an RLock inside, the one that was given, or none', async (t) => {
  for (const lock of [undefined, null, true] as const) {
    const value = new Value('i', 5, { lock });
    t.type(value.getLock(), RLock);
    t.equal(value.getLock(), value.getLock());
    value.close();
    t.throws(() => value.getLock(), { code: 'ERR_MULTIPROC_CLOSED' });
  }
  for (const lock of [new Lock(), new RLock()]) {
    const value = new Value('i', 5, { lock });
    t.equal(value.getLock(), lock);
    value.close();
    t.ok(lock.tryAcquire(), 'closing the value leaves a given lock open');
    lock.close();
  }
  t.throws(() => new Value('i', 5, { lock: false }).getLock(), { name: 'ValueError' });
  t.notOk('getLock' in new RawValue('i', 5));
  t.throws(() => new Value('i', 5, { lock: 'lock' as never }), { name: 'TypeError', message: /lock/ });
  t.throws(() => new Value('i', 5, { lock: {} as never }), TypeError);
});

t.test('update calls a synchronous function, and rejects or throws without a change', async (t) => {
  const value = new Value('i', 5);
  t.equal(await value.update((x) => x + 1), 6);
  await t.rejects(value.update((async () => 1) as never), { name: 'TypeError', message: /synchronous/ });
  await t.rejects(value.update(3 as never), TypeError);
  await t.rejects(
    value.update(() => {
      throw new Error('as asked');
    }),
    { message: 'as asked' },
  );
  await t.rejects(
    value.update((x) => x, 0.5),
    RangeError,
  );
  t.throws(() => value.updateSync(() => 'x' as never), TypeError);
  t.equal(value.value, 6);
  t.equal(
    value.updateSync((x) => (x === 6 ? value.add(10) && x + 1 : x * 2)),
    32,
    'it is called again with 16',
  );
  t.throws(
    () =>
      value.updateSync(() => {
        value.close();
        return 1;
      }),
    { code: 'ERR_MULTIPROC_CLOSED' },
  );
});

t.test('a closed value refuses everything but its name', async (t) => {
  for (const type of ['i', 'q', 'd', '?', 'b', 'I', 'f', 'c', 'u'] as TypeName[]) {
    const value = new Value(type as 'i', undefined, { name: name(t) });
    for (let i = 0; i < 1000; i++) value.value;
    value.close();
    value.close();
    const closed = { name: 'ClosedError', code: 'ERR_MULTIPROC_CLOSED' };
    t.throws(() => value.value, closed, type);
    t.throws(() => {
      value.value = 1;
    }, closed);
    t.throws(() => value.add(1), closed);
    t.throws(() => value.exchange(1), closed);
    t.throws(() => value.compareExchange(1, 1), closed);
    t.throws(() => value.updateSync((x) => x), closed);
    await t.rejects(
      value.update((x) => x),
      closed,
    );
    t.throws(() => value.getLock(), closed);
    t.match(value.name, /^test-value/);
    value.unlink();
    t.throws(() => value.unlink(), { code: 'ENOENT' });
  }
});

t.test('a name is one value for all who open it', async (t) => {
  const mine = name(t);
  const first = new Value('i', 7, { name: mine });
  const second = new Value('i', 8, { name: `/${mine}` });
  t.equal(second.value, 7, 'the initial value counts for the first one only');
  t.equal(second.name, mine);
  second.add(1);
  t.equal(first.value, 8);
  t.ok(first.getLock().tryAcquire());
  t.ok(second.getLock().locked());
  first.getLock().release();
  t.throws(() => new Value('d', 0, { name: mine }), { code: 'ERR_MULTIPROC_KIND', message: /type/ });
  t.throws(() => new Value('I', 0, { name: mine }), { code: 'ERR_MULTIPROC_KIND' });
  t.throws(() => new Lock({ name: mine }), { code: 'ERR_MULTIPROC_KIND' });
  t.throws(() => Value.create('i', 0, { name: mine }), { code: 'EEXIST' });
  t.equal(Value.open<'i'>(mine).value, 8);
  t.equal(RawValue.open<'i'>(mine).value, 8);
  Value.unlink(mine);
  t.throws(() => Value.open(mine), { code: 'ENOENT' });
  const third = new Value('i', 1, { name: mine });
  first.value = 100;
  t.equal(third.value, 1, 'a new object under the old name is another one');
  t.equal(second.value, 100);
  for (const value of [first, second, third]) value.close();
  t.equal(new Value('l', 1, { name: name(t) }).value, 1n);
});

t.test('wrong names are refused', async (t) => {
  for (const wrong of ['', 'a/b', '..', 'é', 'a'.repeat(201)]) {
    t.throws(() => new Value('i', 0, { name: wrong }), { code: 'ERR_MULTIPROC_NAME' });
  }
  t.throws(() => new Value('i', 0, { name: 3 as never }), TypeError);
  t.throws(() => new Value('i', 0, 'name' as never), TypeError);
});

t.test('another process reads the initial values and its assignments are read here', async (t) => {
  const [i, d, h, q, c] = [name(t), name(t), name(t), name(t), name(t)] as const;
  const values = [
    new Value('i', 4343, { name: i }),
    new Value('d', 3.625, { name: d }),
    new Value('h', -232, { name: h }),
    new Value('q', 2 ** 33, { name: q }),
    new Value('c', 'x', { name: c }),
  ] as const;
  const other = program(t, 'values');
  await other.message();
  t.strictSame(await other.ask({ do: 'assign', names: { i, d, h, q, c } }), [4343, 3.625, -232, 2n ** 33n, 'x']);
  const [vi, vd, vh, vq, vc] = values;
  t.strictSame([vi.value, vd.value, vh.value, vq.value, vc.value.toString()], [24234, -4.25, 234, 2n ** 34n, 'y']);
  other.send({ do: 'end' });
  await other.ended;
});

t.test('nothing is lost when three processes change one value at once', async (t) => {
  const others = [program(t, 'values'), program(t, 'values'), program(t, 'values')];
  await Promise.all(others.map((other) => other.message()));
  const times = 100_000;
  const added = new Value('i', 0, { name: name(t) });
  await Promise.all(others.map((other) => other.ask({ do: 'add', name: added.name, times } as never)));
  t.equal(added.value, 3 * times, 'add');
  const updated = new RawValue('d', 0, { name: name(t) });
  await Promise.all(others.map((other) => other.ask({ do: 'update', name: updated.name, times } as never)));
  t.equal(updated.value, 1.5 * times, 'update of a float');
  const locked = new Value('d', 0, { name: name(t) });
  await Promise.all(others.map((other) => other.ask({ do: 'locked', name: locked.name, times: 20_000 } as never)));
  t.equal(locked.value, 60_000, 'under the lock');
  for (const other of others) other.send({ do: 'end' });
  await Promise.all(others.map((other) => other.ended));
});
