/** SharedMemory: raw bytes by name, in processes of this package and of CPython. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { deserialize, ShareableList, SharedMemory, SharedMemoryManager, serialize, sweep } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { command, program, type Scope } from '../harness/program.js';
import { pythons } from '../harness/pythons.js';

t.before(() => leaveNothing(t));

let made = 0;
function name(t: Scope): string {
  const mine = `test-memory-${process.pid}-${made++}`;
  t.teardown(() => {
    try {
      SharedMemory.unlink(mine);
    } catch {
      // The test itself has unlinked it, or never made it.
    }
  });
  return mine;
}

t.test('the file in /dev/shm is exactly the bytes', async (t) => {
  const mine = name(t);
  const memory = SharedMemory.create({ name: `/${mine}`, size: 1001 });
  t.equal(memory.name, mine);
  t.equal(memory.size, 1001);
  t.equal(memory.buffer.byteLength, 1001);
  memory.bytes.set(Buffer.from('hello'));
  const file = readFileSync(`/dev/shm/${mine}`);
  t.equal(file.length, 1001);
  t.equal(file.toString('latin1', 0, 6), 'hello\0');
  const again = SharedMemory.open(mine);
  again.bytes[0] = 72;
  t.equal(memory.bytes[0], 72);
  new Float64Array(again.buffer, 8, 1)[0] = 0.5;
  t.equal(new DataView(memory.buffer).getFloat64(8, true), 0.5);
  memory.close();
  again.close();
  t.ok(existsSync(`/dev/shm/${mine}`), 'it lasts until it is unlinked');
  memory.unlink();
  t.throws(() => SharedMemory.open(mine), { code: 'ENOENT' });
});

t.test('sizes and names are checked', async (t) => {
  const create = (options: unknown) => SharedMemory.create(options as never);
  for (const options of [{ size: -1 }, { size: 0 }, {}, undefined, { size: undefined }]) {
    t.throws(() => create(options), { name: 'ValueError', message: /size/ });
    t.throws(() => SharedMemory.openOrCreate(options as never), { name: 'ValueError' });
  }
  for (const size of ['1', 1.5, null, Number.NaN, 1n, true]) t.throws(() => create({ size }), TypeError, String(size));
  t.throws(() => create({ size: Infinity }), RangeError);
  t.throws(() => create({ size: 2 ** 53 }), RangeError);
  t.throws(() => create(5), TypeError);
  for (const wrong of ['', '..', 'a/b', 'é', 'a'.repeat(201)]) {
    t.throws(() => create({ name: wrong, size: 1 }), { code: 'ERR_MULTIPROC_NAME' });
    t.throws(() => SharedMemory.open(wrong), { code: 'ERR_MULTIPROC_NAME' });
    t.throws(() => SharedMemory.unlink(wrong), { code: 'ERR_MULTIPROC_NAME' });
  }
  t.throws(() => SharedMemory.open(undefined as never), TypeError);
});

t.test('create wants a new name, open an old one, openOrCreate either, of the same size', async (t) => {
  const mine = name(t);
  t.throws(() => SharedMemory.open(mine), { code: 'ENOENT' });
  const first = SharedMemory.openOrCreate({ name: mine, size: 100 });
  t.throws(() => SharedMemory.create({ name: mine, size: 100 }), { code: 'EEXIST' });
  const second = SharedMemory.openOrCreate({ name: mine, size: 100 });
  second.bytes[99] = 7;
  t.equal(first.bytes[99], 7);
  t.throws(() => SharedMemory.openOrCreate({ name: mine, size: 101 }), { code: 'ERR_MULTIPROC_KIND', message: /size/ });
  const empty = name(t);
  writeFileSync(`/dev/shm/${empty}`, '');
  t.throws(() => SharedMemory.open(empty), { name: 'ValueError', message: /size/ });
  t.equal(SharedMemory.openOrCreate({ name: empty, size: 10 }).size, 10);
  first.close();
  second.close();
});

t.test('a closed one refuses everything but its name and size', async (t) => {
  const memory = SharedMemory.create({ name: name(t), size: 100 });
  const { bytes } = memory;
  memory.close();
  memory.close();
  t.equal(bytes.length, 0);
  const closed = { code: 'ERR_MULTIPROC_CLOSED' };
  t.throws(() => memory.buffer, closed);
  t.throws(() => memory.bytes, closed);
  t.equal(memory.size, 100);
  t.throws(() => serialize(memory), closed);
  memory.unlink();
  t.throws(() => memory.unlink(), { code: 'ENOENT' });
});

t.test('without a name it is freed with its last user', async (t) => {
  const memory = SharedMemory.create({ size: 100 });
  t.ok(existsSync(`/dev/shm/${memory.name}`));
  const other = SharedMemory.open(memory.name);
  t.equal(other.name, memory.name);
  memory.close();
  sweep();
  t.ok(existsSync(`/dev/shm/${memory.name}`));
  other.close();
  t.notOk(existsSync(`/dev/shm/${memory.name}`));
});

t.test('a handle restores the same memory, also of one that was closed meanwhile', async (t) => {
  for (const options of [{ size: 10 }, { size: 10, name: name(t) }]) {
    const memory = SharedMemory.create(options);
    const back = deserialize(serialize(memory)) as SharedMemory;
    t.type(back, SharedMemory);
    t.equal(back.name, memory.name);
    back.bytes[0] = 5;
    t.equal(memory.bytes[0], 5);
    back.close();
    const bytes = serialize([memory, memory]);
    memory.close();
    sweep();
    const [late, same] = deserialize(bytes) as [SharedMemory, SharedMemory];
    t.equal(late, same);
    t.equal(late.bytes[0], 5);
    late.close();
    if (options.name === undefined) {
      SharedMemory.create({ size: 1 }).close();
      t.notOk(existsSync(`/dev/shm/${memory.name}`), 'the sender has noticed that it arrived');
    }
    memory.name === options.name && memory.unlink();
    t.throws(() => deserialize(bytes), { code: /ENOENT|ERR_MULTIPROC_SEGMENT/ });
  }
  const mine = name(t);
  const old = SharedMemory.create({ name: mine, size: 10 });
  const bytes = serialize(old);
  old.unlink();
  SharedMemory.create({ name: mine, size: 10 });
  t.throws(() => deserialize(bytes), { code: 'ERR_MULTIPROC_SEGMENT', message: /stale/ });
});

t.test('other processes write by name and by handle, and their close removes nothing', async (t) => {
  const memory = SharedMemory.create({ size: 100 });
  const other = program(t, 'memory');
  t.equal(await other.ask({ name: memory.name, text: 'howdy' }), '\0'.repeat(5));
  t.equal(Buffer.from(memory.bytes.subarray(0, 5)).toString(), 'howdy');
  t.equal(await other.ask({ handle: serialize(memory), text: 'HELLO' }), 'howdy');
  t.equal(Buffer.from(memory.bytes.subarray(0, 5)).toString(), 'HELLO');
  other.send('end');
  t.strictSame(await other.ended, { code: 0, signal: null });
  t.ok(existsSync(`/dev/shm/${memory.name}`));
  memory.close();
});

t.test('twenty processes that open or create at once get one memory', async (t) => {
  const mine = name(t);
  const source = `
    import { SharedMemory } from 'multiproc';
    const memory = SharedMemory.openOrCreate({ name: '${mine}', size: 64 });
    Atomics.add(new Int32Array(memory.buffer), 0, 1);
    console.log('done');`;
  const others = Array.from({ length: 20 }, () =>
    command(t, process.execPath, { args: ['--input-type=module', '-e', source] }),
  );
  await Promise.all(others.map((other) => other.line()));
  await Promise.all(others.map((other) => other.ended));
  t.equal(new Int32Array(SharedMemory.open(mine).buffer)[0], 20);
});

t.test('asynchronous zlib may go on reading memory whose owner closes it', async (t) => {
  const memory = SharedMemory.create({ size: 4_000_000 });
  const working = [1, 2, 3, 4].map(() => promisify(deflate)(memory.bytes));
  memory.close();
  for (const result of await Promise.allSettled(working)) t.type(result, Object, result.status);
});

const there = pythons();
if (there.length === 0)
  t.test('CPython reads and writes it', { skip: 'no CPython with shared_memory' }, async () => {});

for (const { file: python, version } of there) {
  t.test(`CPython ${version} reads and writes it`, async (t) => {
    const run = async (source: string) => {
      const script = `
import sys
from multiprocessing import resource_tracker, shared_memory
def attach(name):
    if sys.version_info >= (3, 13):
        return shared_memory.SharedMemory(name, track=False)
    shm = shared_memory.SharedMemory(name)
    resource_tracker.unregister(shm._name, 'shared_memory')
    return shm
${source}`;
      const other = command(t, python, { args: ['-c', script] });
      const line = await other.line();
      t.strictSame(await other.ended, { code: 0, signal: null });
      t.equal(other.stderr, '');
      return line;
    };
    const ours = SharedMemory.create({ name: name(t), size: 1000 });
    ours.bytes.set(Buffer.from('from node'));
    t.equal(
      await run(`
shm = attach('${ours.name}')
print(shm.size, bytes(shm.buf[:9]).decode())
shm.buf[:11] = b'from python'
shm.close()`),
      '1000 from node',
    );
    t.equal(Buffer.from(ours.bytes.subarray(0, 11)).toString(), 'from python');
    ours.close();

    const theirs = name(t);
    await run(`
shm = shared_memory.SharedMemory('${theirs}', create=True, size=500)
resource_tracker.unregister(shm._name, 'shared_memory')
shm.buf[:5] = b'howdy'
shm.close()
print('made')`);
    const memory = SharedMemory.open(theirs);
    t.equal(memory.size, 500);
    t.equal(Buffer.from(memory.bytes.subarray(0, 5)).toString(), 'howdy');
    memory.unlink();
    memory.close();
  });
}

t.test("Python's idiom: what was closed for the last time may be unlinked, once", (t) => {
  for (const close of [true, false]) {
    const memory = SharedMemory.create({ size: 64 });
    if (close) memory.close();
    memory.unlink();
    t.throws(() => memory.unlink(), { code: 'ENOENT' }, 'the second time there is none');
    memory.close();
  }
  const list = new ShareableList([1, 'two']);
  list.shm.close();
  list.shm.unlink();
  const named = SharedMemory.create({ name: name(t), size: 64 });
  named.unlink();
  named.close();
  t.throws(() => named.unlink(), { code: 'ENOENT' }, 'a name of the user is not removed by close()');
  t.end();
});

t.test('a generated name that is in use is drawn again', async (t) => {
  const { native } = await import(new URL('internals.js', import.meta.resolve('multiproc')).href);
  const { fillRandom } = native;
  t.teardown(() => {
    native.fillRandom = fillRandom;
  });
  /** The next `count` draws give the same bytes. */
  function repeat(count: number): void {
    let left = count;
    native.fillRandom = (bytes: Uint8Array) => (left-- > 0 ? bytes.fill(7) : fillRandom(bytes));
  }
  repeat(5);
  const memories = Array.from({ length: 3 }, () => SharedMemory.create({ size: 64 }));
  t.equal(new Set(memories.map(({ name }) => name)).size, 3);
  for (const memory of memories) memory.close();

  const managers = [new SharedMemoryManager(), new SharedMemoryManager()];
  for (const manager of managers) {
    repeat(2);
    await manager.start();
  }
  t.not(managers[0]?.address, managers[1]?.address);
  repeat(4);
  const managed = [managers[0]?.SharedMemory(64), managers[0]?.ShareableList([1]).shm];
  t.not(managed[0]?.name, managed[1]?.name);
  for (const memory of managed) memory?.close();
  for (const manager of managers) await manager.shutdown();

  repeat(1000);
  SharedMemory.create({ size: 64 }).close();
  const taken = SharedMemory.create({ size: 64 });
  t.throws(() => SharedMemory.create({ size: 64 }), { code: 'EEXIST', message: /names .* were in use/ });
  taken.close();
});

t.test('a list of more values than its memory has bytes for is refused', (t) => {
  const memory = SharedMemory.create({ name: name(t), size: 8 * 1024 });
  t.teardown(() => memory.close());
  t.teardown(() => memory.unlink());
  new DataView(memory.buffer).setBigInt64(0, 400n, true);
  t.throws(() => ShareableList.open(memory.name), { code: 'ERR_MULTIPROC_KIND' });
  t.end();
});
