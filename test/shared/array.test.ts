/** SharedArray and RawArray: typed arrays over shared memory, and the arrays whose elements are converted. */
import { constants } from 'node:buffer';
import { inspect, promisify } from 'node:util';
import { deflate } from 'node:zlib';
import * as multiproc from 'multiproc';
import { Lock, RawArray, RLock, SharedArray, type TypeName, Value } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program, type Scope } from '../harness/program.js';

t.before(() => leaveNothing(t));

let made = 0;
function name(t: Scope): string {
  const mine = `test-array-${process.pid}-${made++}`;
  t.teardown(() => {
    try {
      SharedArray.unlink(mine);
    } catch {
      // The test itself has unlinked it, or never made it.
    }
  });
  return mine;
}

const numeric = [
  ['b', Int8Array],
  ['B', Uint8Array],
  ['h', Int16Array],
  ['H', Uint16Array],
  ['i', Int32Array],
  ['I', Uint32Array],
  ['l', BigInt64Array],
  ['L', BigUint64Array],
  ['q', BigInt64Array],
  ['Q', BigUint64Array],
  ['f', Float32Array],
  ['d', Float64Array],
  ['int8', Int8Array],
  ['uint8', Uint8Array],
  ['int16', Int16Array],
  ['uint16', Uint16Array],
  ['int32', Int32Array],
  ['uint32', Uint32Array],
  ['int64', BigInt64Array],
  ['uint64', BigUint64Array],
  ['float32', Float32Array],
  ['float64', Float64Array],
] as const;

t.equal(multiproc.Array, SharedArray);

t.test('an array of numbers is a typed array, and what is made from it is an ordinary one', async (t) => {
  for (const [type, ordinary] of numeric) {
    for (const arrayClass of [SharedArray, RawArray]) {
      const array = new arrayClass(type as 'd', 10) as Float64Array & multiproc.ArrayMembers;
      t.ok(array instanceof ordinary, type);
      t.ok(array instanceof arrayClass);
      t.notOk(array instanceof (arrayClass === RawArray ? SharedArray : RawArray));
      t.notOk(new ordinary(1) instanceof (arrayClass as unknown as typeof Uint8Array));
      t.equal(array.length, 10);
      t.equal(array.byteLength, array.buffer.byteLength, 'the buffer is exactly the elements');
      const one = (typeof array[0] === 'bigint' ? 1n : 1) as number;
      const none = (typeof array[0] === 'bigint' ? 0n : 0) as number;
      t.ok(array.every((element) => element === none));
      array[9] = one;
      for (const derived of [array.slice(), array.map((x) => x), array.filter(() => true)]) {
        t.equal(Object.getPrototypeOf(derived), ordinary.prototype);
        t.equal(derived[9], one);
        derived[9] = none;
      }
      const part = array.subarray(5);
      t.equal(Object.getPrototypeOf(part), ordinary.prototype);
      part[0] = one;
      t.equal(array[5], one, 'subarray shows the shared elements');
      array.close();
      t.equal(part.length, 0, 'and ends with the array');
    }
  }
});

t.test('the elements come from any iterable', async (t) => {
  t.same([...new SharedArray('i', [1, 2, 3])], [1, 2, 3]);
  t.same([...new SharedArray('i', new Set([1, 2]))], [1, 2]);
  t.same([...new SharedArray('d', new Float64Array([0.5]))], [0.5]);
  t.same([...new SharedArray('d', [0.5].values())], [0.5]);
  t.same([...new SharedArray('q', [1, 2n])], [1n, 2n]);
  t.same([...Reflect.construct(SharedArray, ['i', [1n]])], [1], 'a bigint that fits');
  t.same([...new SharedArray('B', [300, -1])], [44, 255], 'numbers wrap around as in a typed array');
  t.equal(new SharedArray('i', []).length, 0);
  t.equal(new SharedArray('i', 0).length, 0);
});

t.test('wrong sizes, elements and types are clear errors', async (t) => {
  const make = (...args: unknown[]) => Reflect.construct(SharedArray, args);
  t.throws(() => make('i', -1), { name: 'ValueError', message: /-1/ });
  for (const wrong of [1.5, Number.NaN, null, undefined, {}, true, '12', ['1'], [null]]) {
    t.throws(() => make('i', wrong), TypeError, String(wrong));
  }
  t.throws(() => make('x', 1), { name: 'TypeError', message: /typecode/ });
  t.throws(() => make('i', 1, { lock: 'lock' }), TypeError);
  t.throws(() => make('i', 1, { numbers: 'yes' }), TypeError);
  t.throws(() => make('q', [1.5]), RangeError);
  t.throws(() => make('d', constants.MAX_LENGTH), { name: 'RangeError', message: /largest buffer/ });
  t.throws(() => (SharedArray as unknown as () => void)(), { name: 'TypeError', message: /new/ });
});

t.test('recycled memory is zero', async (t) => {
  for (let round = 0; round < 3; round++) {
    const array = new SharedArray('i', 10);
    t.same([...array], new globalThis.Array(10).fill(0));
    array.set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    array.close();
  }
});

t.test('the lock is an RLock inside, the one that was given, or none', async (t) => {
  for (const type of ['i', 'c', '?', 'u'] as TypeName[]) {
    for (const lock of [undefined, null, true] as const) {
      const array = new SharedArray(type as 'i', 5, { lock });
      t.type(array.getLock(), RLock);
      t.equal(array.getLock(), array.getLock());
      array.close();
      t.throws(() => array.getLock(), { code: 'ERR_MULTIPROC_CLOSED' });
    }
    const lock = new Lock();
    const array = new SharedArray(type as 'i', 5, { lock });
    t.equal(array.getLock(), lock);
    array.close();
    lock.close();
    t.throws(() => new SharedArray(type as 'i', 5, { lock: false }).getLock(), { name: 'ValueError' });
    t.notOk('getLock' in new RawArray(type as 'i', 5));
  }
});

t.test('bytes are a Uint8Array that reads and writes text', async (t) => {
  const bytes = new SharedArray('c', 'hello world');
  t.ok(bytes instanceof Uint8Array);
  t.equal(bytes.length, 11);
  t.equal(bytes[0], 104);
  t.strictSame(bytes.value, Buffer.from('hello world'));
  bytes.value = bytes.value.toString().toUpperCase();
  t.equal(bytes.value.toString(), 'HELLO WORLD');
  bytes.value = 'ab';
  t.equal(bytes.value.toString(), 'ab');
  t.equal(bytes.raw.toString('latin1'), 'ab\0LO WORLD');
  bytes.raw = Buffer.from('xyz');
  t.equal(bytes.raw.toString('latin1'), 'xyzLO WORLD');
  t.throws(
    () => {
      bytes.value = 'x'.repeat(12);
    },
    { name: 'ValueError', message: /11/ },
  );
  t.throws(() => {
    bytes.value = 3 as never;
  }, TypeError);
  t.equal(bytes.map((x) => x).constructor, Uint8Array);
  bytes.close();
  t.equal(bytes[0], undefined);
  t.throws(() => bytes.value, { code: 'ERR_MULTIPROC_CLOSED' });
  t.throws(
    () => {
      bytes.value = '';
    },
    { code: 'ERR_MULTIPROC_CLOSED' },
  );
  t.strictSame(new RawArray('c', Buffer.from([1, 2])).raw, Buffer.from([1, 2]));
  t.strictSame(new RawArray('c', [1, 'b', Buffer.of(3)]).raw, Buffer.from([1, 98, 3]));
});

t.test('booleans, code points and 64-bit numbers are converted', async (t) => {
  const flags = new SharedArray('?', [true, 0, 1]);
  t.same([...flags], [true, false, true]);
  t.equal(flags[0], true);
  flags[1] = true;
  t.equal(flags.at(-2), true);
  t.throws(() => {
    flags[1] = 'yes' as never;
  }, TypeError);
  flags[99] = true;
  t.equal(flags[99], undefined, 'as in a typed array');
  t.equal((flags as unknown as Record<string, unknown>)['-1'], undefined);
  t.same(flags.fill(false).slice(), [false, false, false]);
  flags.set([true, true], 1);
  t.same(flags.slice(1), [true, true]);
  t.throws(() => flags.set([true], 3), RangeError);
  t.equal(String(flags), '[object Object]');

  const text = new SharedArray('u', 'héllo😀');
  t.equal(text.length, 6);
  t.equal(text[5], '😀');
  text[0] = 'H';
  t.equal(text.value, 'Héllo😀');
  text.value = 'ab';
  t.equal(text.value, 'ab');
  t.same([...text], ['a', 'b', '\0', 'l', 'o', '😀']);
  t.throws(
    () => {
      text.value = 'too long';
    },
    { name: 'ValueError' },
  );

  const numbers = new SharedArray('q', [1, 2n ** 40n], { numbers: true });
  t.same([...numbers], [1, 2 ** 40]);
  numbers[0] = -5;
  t.equal(numbers[0], -5);
  t.throws(() => {
    numbers[0] = 0.5;
  }, RangeError);
  for (const array of [flags, text, numbers]) {
    array.close();
    t.equal(array.length, 0);
    t.equal(array[0], undefined);
    t.throws(() => array.slice(), { code: 'ERR_MULTIPROC_CLOSED' });
    t.throws(() => array.set([]), { code: 'ERR_MULTIPROC_CLOSED' });
    t.throws(() => array.at(0), { code: 'ERR_MULTIPROC_CLOSED' });
    t.throws(() => [...array], { code: 'ERR_MULTIPROC_CLOSED' });
    t.equal(inspect(array), '[]');
  }
  t.throws(() => text.value, { code: 'ERR_MULTIPROC_CLOSED' });
});

t.test('a closed array reads undefined, its methods throw, and its name stays', async (t) => {
  const array = new SharedArray('d', [1, 2, 3], { name: name(t) });
  array.close();
  array.close();
  t.equal(array[0], undefined);
  array[0] = 1;
  t.equal(array.length, 0);
  t.throws(() => array.fill(1), TypeError);
  t.match(array.name, /^test-array/);
  array.unlink();
  t.throws(() => array.unlink(), { code: 'ENOENT' });
});

t.test('closing one of two arrays in the same arena leaves the other', async (t) => {
  const one = new SharedArray('i', [1, 2, 3]);
  const two = new SharedArray('i', [4, 5, 6]);
  one.close();
  const three = new SharedArray('i', [7, 8, 9]);
  t.same([...two], [4, 5, 6]);
  t.same([...three], [7, 8, 9]);
  two.close();
  three.close();
});

t.test('a name is one array for all who open it', async (t) => {
  const mine = name(t);
  const first = new SharedArray('i', [1, 2, 3], { name: mine });
  const second = new SharedArray('i', 3, { name: mine });
  t.same([...second], [1, 2, 3]);
  second[0] = 10;
  t.equal(first[0], 10);
  t.equal(SharedArray.open<'i'>(mine).length, 3);
  t.equal(RawArray.open<'i'>(mine)[0], 10);
  t.throws(() => new SharedArray('i', 4, { name: mine }), { code: 'ERR_MULTIPROC_KIND', message: /length/ });
  t.throws(() => new SharedArray('d', 3, { name: mine }), { code: 'ERR_MULTIPROC_KIND', message: /type/ });
  t.throws(() => new Value('i', 3, { name: mine }), { code: 'ERR_MULTIPROC_KIND', message: /kind/ });
  t.throws(() => SharedArray.create('i', 3, { name: mine }), { code: 'EEXIST' });
  SharedArray.unlink(mine);
  t.throws(() => SharedArray.open(mine), { code: 'ENOENT' });
});

t.test('an array larger than an arena has memory of its own', async (t) => {
  const large = new SharedArray('d', 1_000_000);
  large[999_999] = 0.5;
  t.equal(large[999_999], 0.5);
  t.ok(large.getLock().tryAcquire());
  large.getLock().release();
  large.close();
  t.equal(large[0], undefined);
});

t.test('asynchronous zlib may go on reading a buffer whose owner closes it', async (t) => {
  for (const length of [1000, 4_000_000]) {
    const bytes = new SharedArray('B', length).fill(7) as Uint8Array & multiproc.ArrayMembers;
    const working = [1, 2, 3, 4].map(() => promisify(deflate)(bytes));
    bytes.close();
    for (const result of await Promise.allSettled(working)) t.type(result, Object, String(result.status));
  }
});

t.test('three processes change the elements of one array at once', async (t) => {
  const array = new SharedArray('q', 7, { name: name(t) });
  const others = [program(t, 'values'), program(t, 'values'), program(t, 'values')];
  await Promise.all(others.map((other) => other.message()));
  const answers = others.map((other) => other.ask({ do: 'array', name: array.name, times: 70_000 } as never));
  t.same(await Promise.all(answers), [7, 7, 7]);
  t.same([...array], new globalThis.Array(7).fill(30_000n));
  for (const other of others) other.send({ do: 'end' });
  await Promise.all(others.map((other) => other.ended));
});
