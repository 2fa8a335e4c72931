import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { serialize as v8Serialize } from 'node:v8';
import { MessageChannel, Worker } from 'node:worker_threads';
import * as multiproc from 'multiproc';
import { semOpen, semUnlink, shmOpen, shmUnlink } from 'multiproc/posix';
import t from 'tap';
import { square } from './programs/pool-targets.js';

const { Struct, Process } = multiproc;
const [connection, otherEnd] = multiproc.Pipe();
const pool = new multiproc.Pool(1);
const semaphore = semOpen('identity', { create: true });
const memory = shmOpen('identity', { create: true, size: 8 });
semUnlink('identity');
shmUnlink('identity');
const Point = Struct({ x: 'd' });
t.teardown(() => pool[Symbol.asyncDispose]());

/** One object of each class. */
const objects: Record<string, object> = {
  Lock: new multiproc.Lock(),
  RLock: new multiproc.RLock(),
  Semaphore: new multiproc.Semaphore(2),
  BoundedSemaphore: new multiproc.BoundedSemaphore(2),
  Event: new multiproc.Event(),
  Condition: new multiproc.Condition(),
  Barrier: new multiproc.Barrier(2),
  Value: new multiproc.Value('i'),
  RawValue: new multiproc.RawValue('i'),
  SharedMemory: multiproc.SharedMemory.create({ size: 8 }),
  ShareableList: new multiproc.ShareableList([1]),
  Queue: new multiproc.Queue(),
  JoinableQueue: new multiproc.JoinableQueue(),
  SimpleQueue: new multiproc.SimpleQueue(),
  Connection: connection,
  Listener: new multiproc.Listener(),
  Process: new Process({ target: square, args: [1] }),
  Pool: pool,
  AsyncResult: pool.applyAsync(square, [2]),
  SyncManager: new multiproc.SyncManager(),
  SharedMemoryManager: new multiproc.SharedMemoryManager(),
  PosixSemaphore: semaphore,
  PosixSharedMemory: memory,
};
t.teardown(() => {
  otherEnd.close();
  for (const object of Object.values(objects)) if ('close' in object) (object.close as () => void)();
});

t.test('structured clones of every class fail at once, and say how its objects travel', (t) => {
  const { port1, port2 } = new MessageChannel();
  const struct = new multiproc.Value(Point, { x: 1 });
  const ways: Record<string, (object: object) => unknown> = {
    structuredClone,
    postMessage: (object) => port1.postMessage({ nested: [object] }),
    workerData: (object) => new Worker('', { eval: true, workerData: object }),
    'v8.serialize': (object) => v8Serialize(object),
  };
  for (const [name, object] of [...Object.entries(objects), ['struct', struct] as const]) {
    for (const [way, clone] of Object.entries(ways)) {
      t.throws(
        () => clone(object),
        { message: /multiproc travel in args, through Queue and Pipe/ },
        `${name} by ${way}`,
      );
    }
  }
  for (const port of [port1, port2]) port.close();
  t.end();
});

t.test('JSON of every class names it and says that it is no data', (t) => {
  for (const [name, object] of Object.entries(objects)) {
    const { multiproc: className, advice } = JSON.parse(JSON.stringify({ level: 'info', object })).object;
    t.equal(className, name);
    t.match(advice, /no data.*queues and pipes.*serialize\(\)/, name);
  }
  const named = new multiproc.Lock({ name: 'identity-lock' });
  t.match(JSON.parse(JSON.stringify(named)), { multiproc: 'Lock', name: 'identity-lock' });
  named.unlink();
  t.same(JSON.parse(JSON.stringify(new multiproc.Value(Point, { x: 1 }))), { x: 1 }, 'a struct is data');
  t.end();
});

t.test('an object of a second installed copy is refused with both folders', async (t) => {
  const root = fileURLToPath(new URL('..', import.meta.resolve('multiproc')));
  const parent = mkdtempSync(join(tmpdir(), 'multiproc-'));
  t.teardown(() => rmSync(parent, { recursive: true }));
  const folder = join(parent, 'node_modules', 'multiproc');
  for (const part of ['dist', 'package.json']) cpSync(join(root, part), join(folder, part), { recursive: true });
  for (const part of ['build', 'node_modules']) symlinkSync(join(root, part), join(folder, part));
  const second = (await import(pathToFileURL(join(folder, 'dist/index.js')).href)) as typeof multiproc;
  const [theirEnd, theirOther] = second.Pipe();
  const theirs: Record<string, object> = {
    Lock: new second.Lock(),
    RLock: new second.RLock(),
    Semaphore: new second.Semaphore(1),
    Event: new second.Event(),
    Barrier: new second.Barrier(2),
    Value: new second.Value('i'),
    'Value of a struct': new second.Value(second.Struct({ x: 'd' }), { x: 1 }),
    SharedArray: new second.SharedArray('i', 3),
    bytes: new second.SharedArray('c', 3),
    booleans: new second.SharedArray('?', 3),
    'structs in an array': new second.SharedArray(second.Struct({ x: 'd' }), 2),
    SharedMemory: second.SharedMemory.create({ size: 8 }),
    ShareableList: new second.ShareableList([1]),
    Queue: new second.Queue(),
    SimpleQueue: new second.SimpleQueue(),
    Connection: theirEnd,
  };
  const foreign = { name: 'TypeError', message: new RegExp(`${folder}.+${root}`) };
  for (const [name, object] of Object.entries(theirs)) {
    t.throws(() => multiproc.serialize({ nested: [object] }), foreign, name);
  }
  const { Lock, Queue } = theirs as { Lock: multiproc.Lock; Queue: multiproc.Queue };
  const queue = new multiproc.Queue();
  t.throws(() => new multiproc.Condition(Lock), foreign, 'the lock of a condition');
  t.throws(() => new multiproc.Value('i', 0, { lock: Lock }), foreign, 'the lock of a value');
  t.throws(() => multiproc.waitSync([Queue], 0), foreign, 'wait');
  await t.rejects(multiproc.wait([Queue], 0), foreign);
  await t.rejects(queue.put(Lock), foreign, 'a message');
  t.throws(() => new Process({ target: square, args: [Lock] }).start(), foreign, 'an argument');
  await t.rejects(pool.apply(square, [Queue] as never), foreign, 'an argument of a task');
  t.throws(() => new multiproc.Lock(Lock as never), foreign, 'options');
  queue.close();
  theirOther.close();
  for (const object of Object.values(theirs)) (object as multiproc.Lock).close();
});
