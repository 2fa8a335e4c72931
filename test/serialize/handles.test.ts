/** Handles on their way: to other processes, to Workers, past closed senders, and to objects that are gone. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { deserialize, Lock, list, Semaphore, SharedArray, serialize, sweep, Value } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';

t.before(() => leaveNothing(t));

function letter() {
  const lock = new Lock();
  const value = new Value('i', 5, { lock });
  const array = new SharedArray('d', [1, 2]);
  const semaphore = new Semaphore(3);
  return { value, array, nested: new Map([['deep', [value, semaphore]]]), locks: [lock], semaphore, lock };
}

t.test('another process gets the same objects', async (t) => {
  const { lock, semaphore, ...content } = letter();
  const other = program(t, 'receiver');
  lock.tryAcquire();
  t.strictSame(await other.ask({ do: 'use', bytes: serialize(content) }), {
    same: true,
    lock: true,
    held: true,
    semaphore: true,
    array: [1, 0.25],
  });
  t.equal(content.value.value, 16);
  t.equal(content.array[1], 0.25);
  t.equal(semaphore.getValue(), 2);
  other.send('end');
  await other.ended;
});

t.test('what comes back from another process is the same object', async (t) => {
  const value = new Value('i', 5);
  const other = program(t, 'receiver');
  const bytes = await other.ask<Uint8Array>({ do: 'return', bytes: serialize(value) });
  const { back } = deserialize(bytes) as { back: Value<'i'> };
  back.add(1);
  t.equal(value.value, 6);
  other.send('end');
  await other.ended;
});

t.test('a Worker gets the same objects', async (t) => {
  const value = new Value('i', 5);
  const array = new SharedArray('i', 1000);
  const worker = new Worker(
    `const { workerData, parentPort } = require('node:worker_threads');
     const { deserialize, serialize } = require('multiproc');
     const { value, array } = deserialize(workerData);
     for (let i = 0; i < 1000; i++) { value.add(1); array[i] = i; }
     parentPort.postMessage(serialize([value]));`,
    { eval: true, workerData: serialize({ value, array }) },
  );
  // A Worker that ends at once may have done so before anybody goes on after its message.
  const ended = once(worker, 'exit');
  const [bytes] = (await once(worker, 'message')) as [Uint8Array];
  t.equal((deserialize(bytes) as [Value<'i'>])[0].value, 1005);
  t.equal(array[999], 999);
  await ended;
});

t.test('a handle on its way keeps the memory of a closed object', async (t) => {
  for (const make of [() => new Value('i', 41), () => new SharedArray('i', 100_000).fill(41) as never as Value<'i'>]) {
    const value = make();
    const bytes = serialize(value);
    value.close();
    for (let i = 0; i < 100; i++) new Value('i', i).close();
    sweep();
    const back = deserialize(bytes) as Value<'i'> & Int32Array;
    t.equal(back.value ?? back[99_999], 41);
    back.close();
  }
});

t.test('a message that is refused keeps nothing', async (t) => {
  const array = new SharedArray('d', 1_000_000);
  t.throws(() => serialize([array, () => 1]), TypeError);
  array.close();
  t.strictSame(
    readdirSync('/dev/shm').filter((file) => list().some((info) => info.file === file && info.size > 8_000_000)),
    [],
  );
});

t.test('a handle whose object is gone is an error', async (t) => {
  const array = new SharedArray('d', 1_000_000);
  const bytes = serialize(array);
  const back = deserialize(bytes) as typeof array;
  back.close();
  array.close();
  t.throws(() => deserialize(bytes), { code: 'ENOENT' });

  const name = `test-handles-${process.pid}`;
  const first = new Value('i', 1, { name });
  const named = serialize(first);
  first.unlink();
  t.throws(() => deserialize(named), { code: 'ENOENT' });
  const second = new Value('i', 2, { name });
  t.throws(() => deserialize(named), { code: 'ERR_MULTIPROC_SEGMENT', message: /stale/ });
  second.unlink();
  first.close();
  second.close();
});

t.test('the sender of a handle may be gone when it arrives elsewhere, if the object has a name', async (t) => {
  const name = `test-handles-sender-${process.pid}`;
  const value = new Value('i', 7, { name });
  const other = program(t, 'receiver');
  const bytes = await other.ask<Uint8Array>({ do: 'return', bytes: serialize(value) });
  other.kill();
  await other.ended;
  t.equal((deserialize(bytes) as { back: Value<'i'> }).back.value, 7);
  value.unlink();
});

t.test('an anonymous object is freed when its last holder is killed', async (t) => {
  const { lock, semaphore, ...content } = letter();
  const big = new SharedArray('d', 500_000);
  const other = program(t, 'receiver');
  await other.ask({ do: 'keep', bytes: serialize({ ...content, big }) });
  const files = () =>
    list().filter((info) => info.name === null && info.size > 4_000_000 && info.openers.includes(other.pid));
  t.equal(files().length, 1);
  const file = files()[0]?.file as string;
  big.close();
  t.ok(readdirSync('/dev/shm').includes(file), 'the other still has it');
  other.kill();
  await other.ended;
  sweep();
  t.notOk(readdirSync('/dev/shm').includes(file));
  for (const object of [content.value, content.array, lock, semaphore]) object.close();
});
