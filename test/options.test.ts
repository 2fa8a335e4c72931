import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as multiproc from 'multiproc';
import * as dummy from 'multiproc/dummy';
import * as posix from 'multiproc/posix';
import t from 'tap';
import { square } from './programs/pool-targets.js';

// Every function of the API that takes options, with the options' type and one misspelt name of it.

type Options = Record<string, unknown>;
/** Calls with the options; what it returns is awaited. */
type Call = (options: Options) => unknown;

const { Lock, RLock, Event, Condition, Semaphore, BoundedSemaphore, Barrier } = multiproc;
const { Value, RawValue, SharedArray, RawArray, SharedMemory, ShareableList } = multiproc;
const { Queue, JoinableQueue, SimpleQueue, Listener, Client, Pipe } = multiproc;
const { Process, Pool, ThreadPool, BaseManager, SyncManager, SharedMemoryManager, Manager, getContext } = multiproc;

const lock = new Lock();
const rlock = new RLock();
const semaphore = new Semaphore(1);
const event = new Event();
const condition = new Condition();
const barrier = new Barrier(2);
const value = new Value('i');
const queue = new Queue();
const joinable = new JoinableQueue();
const [connection, other] = Pipe();
const listener = new Listener();
const child = new Process({ target: square, args: [2] });
const pool = new Pool(1);
const threads = new ThreadPool(1);
const manager = await Manager();
const managed = await manager.Lock();
const managedQueue = await manager.Queue();
const managedPool = await manager.Pool(1);
const server = new SyncManager();
const result = pool.applyAsync(square, [2]);
child.start();
await child.join();
t.teardown(async () => {
  for (const each of [pool, threads]) await each[Symbol.asyncDispose]();
  await managedPool.terminate();
  await managedPool.join();
  await manager.shutdown();
  for (const each of [listener, connection, other]) each.close();
});

const constructors: Record<string, Call> = {
  Lock: (o) => new Lock(o),
  RLock: (o) => new RLock(o),
  Event: (o) => new Event(o),
  Condition: (o) => new Condition(null, o),
  SimpleQueue: (o) => new SimpleQueue(o),
  ShareableList: (o) => new ShareableList([1], o),
  'Lock.create': (o) => Lock.create(o),
  'RLock.create': (o) => RLock.create(o),
  'Event.create': (o) => Event.create(o),
  'Condition.create': (o) => Condition.create(null, o),
  'SimpleQueue.create': (o) => SimpleQueue.create(o),
  'ShareableList.create': (o) => ShareableList.create([1], o),
};

const waits: Record<string, Call> = {
  'joinable.take': (o) => joinable.take(o),
  'joinable.takeSync': (o) => joinable.takeSync(o),
  'joinable.takeMany': (o) => joinable.takeMany(2, o),
  'lock.acquire': (o) => lock.acquire(o),
  'lock.acquireSync': (o) => lock.acquireSync(o),
  'lock.run': (o) => lock.run(() => 1, o),
  'lock.runSync': (o) => lock.runSync(() => 1, o),
  'lock.hold': (o) => lock.hold(o),
  'lock.holdSync': (o) => lock.holdSync(o),
  'rlock.acquire': (o) => rlock.acquire(o),
  'rlock.acquireSync': (o) => rlock.acquireSync(o),
  'rlock.run': (o) => rlock.run(() => 1, o),
  'rlock.hold': (o) => rlock.hold(o),
  'semaphore.acquire': (o) => semaphore.acquire(o),
  'semaphore.acquireSync': (o) => semaphore.acquireSync(o),
  'semaphore.run': (o) => semaphore.run(() => 1, o),
  'event.wait': (o) => event.wait(o),
  'event.waitSync': (o) => event.waitSync(o),
  'condition.wait': (o) => condition.run(() => condition.wait(o)),
  'condition.waitFor': (o) => condition.run(() => condition.waitFor(() => true, o)),
  'condition.acquire': (o) => condition.acquire(o),
  'barrier.wait': (o) => barrier.wait(o),
  'barrier.waitSync': (o) => barrier.waitSync(o),
  'value.update': (o) => value.update((x) => x, o),
  'value.updateSync': (o) => value.updateSync((x) => x, o),
  'queue.put': (o) => queue.put(1, o),
  'queue.putSync': (o) => queue.putSync(1, o),
  'queue.get': (o) => queue.get(o),
  'queue.getSync': (o) => queue.getSync(o),
  'queue.putMany': (o) => queue.putMany([1], o),
  'queue.getMany': (o) => queue.getMany(1, o),
  'queue.getManySync': (o) => queue.getManySync(1, o),
  'joinable.join': (o) => joinable.join(o),
  'joinable.joinSync': (o) => joinable.joinSync(o),
  'connection.poll': (o) => connection.poll(o),
  'connection.pollSync': (o) => connection.pollSync(o),
  'listener.accept': (o) => listener.accept(o),
  wait: (o) => multiproc.wait([connection], o),
  waitSync: (o) => multiproc.waitSync([connection], o),
  'process.join': (o) => child.join(o),
  'process.joinSync': (o) => child.joinSync(o),
  'result.get': (o) => result.get(o),
  'result.getSync': (o) => result.getSync(o),
  'result.wait': (o) => result.wait(o),
  'imap.next': (o) => pool.imap(square, [1]).next(o),
  'pool.join': (o) => pool.join(o),
  'manager.join': (o) => manager.join(o),
  'a managed lock.acquire': (o) => managed.acquire(o),
  'a managed lock.sync.acquire': (o) => managed.sync.acquire(o),
  'a managed queue.get': (o) => managedQueue.get(o),
  'a managed queue.put': (o) => managedQueue.put(1, o),
  'a managed pool.join': (o) => managedPool.join(o),
  'posix semaphore.wait': (o) => {
    const opened = posix.semOpen(`options-${process.pid}`, { create: true });
    posix.semUnlink(opened.name);
    return opened.wait(o);
  },
};

/** By the options' type: a misspelt name, the name that the error must suggest, a wrong value of the right name, the calls. */
const kinds: Record<string, [misspelt: string, right: string, wrong: unknown, calls: Record<string, Call>]> = {
  NameOptions: ['Name', 'name', 5, constructors],
  WaitOptions: ['timeOut', 'timeout', '5', waits],
  SemaphoreOptions: [
    'Robust',
    'robust',
    1,
    {
      Semaphore: (o) => new Semaphore(2, o),
      BoundedSemaphore: (o) => new BoundedSemaphore(2, o),
      'Semaphore.create': (o) => Semaphore.create(2, o),
    },
  ],
  BarrierOptions: [
    'time_out',
    'timeout',
    '1',
    {
      Barrier: (o) => new Barrier(2, o),
      'Barrier.create': (o) => Barrier.create(2, o),
      'Barrier.open': (o) => Barrier.open('none', o),
      'manager.Barrier': (o) => manager.Barrier(2, o),
    },
  ],
  ScalarOptions: [
    'nubmers',
    'numbers',
    1,
    {
      RawValue: (o) => new RawValue('q', 0, o),
      'RawValue.create': (o) => RawValue.create('q', 0, o),
      'RawValue.open': (o) => RawValue.open('none', o),
    },
  ],
  RawArrayOptions: [
    'number',
    'numbers',
    1,
    {
      RawArray: (o) => new RawArray('q', 2, o),
      'RawArray.create': (o) => RawArray.create('q', 2, o),
      'RawArray.open': (o) => RawArray.open('none', o),
    },
  ],
  LockOptions: ['locks', 'lock', 'no', { Value: (o) => new Value('i', 0, o) }],
  ValueOptions: [
    'Lock',
    'lock',
    1,
    {
      Value: (o) => new Value('i', 0, o),
      'Value of a struct': (o) => new Value(multiproc.Struct({ x: 'd' }), { x: 1 }, o),
      'Value.create': (o) => Value.create('i', 0, o),
      'Value.open': (o) => Value.open('none', o),
    },
  ],
  SharedArrayOptions: [
    'lokc',
    'lock',
    {},
    {
      SharedArray: (o) => new SharedArray('i', 2, o),
      'SharedArray of structs': (o) => new SharedArray(multiproc.Struct({ x: 'd' }), 2, o),
      'SharedArray.create': (o) => SharedArray.create('i', 2, o),
      'SharedArray.open': (o) => SharedArray.open('none', o),
    },
  ],
  SharedMemoryOptions: [
    'sise',
    'size',
    '9',
    {
      'SharedMemory.create': (o) => SharedMemory.create(o as never),
      'SharedMemory.openOrCreate': (o) => SharedMemory.openOrCreate(o as never),
    },
  ],
  ShareableListOptions: ['nmae', 'name', 1, { ShareableList: (o) => new ShareableList(null, o) }],
  QueueOptions: [
    'capcity',
    'capacity',
    0.5,
    { Queue: (o) => new Queue(0, o), 'Queue.create': (o) => Queue.create(0, o) },
  ],
  JoinableQueueOptions: [
    'redelivers',
    'redeliver',
    1,
    { JoinableQueue: (o) => new JoinableQueue(0, o), 'JoinableQueue.create': (o) => JoinableQueue.create(0, o) },
  ],
  RetryOptions: [
    'dealy',
    'delay',
    '5',
    {
      'message.retry': async (o) => {
        joinable.putSync(1);
        using message = joinable.takeSync();
        message.retry(o);
      },
    },
  ],
  ConnectionOptions: ['writeable', 'writable', 1, { Connection: (o) => new multiproc.Connection(1, o) }],
  ListenerOptions: ['authKey', 'authkey', 5, { Listener: (o) => new Listener(null, o) }],
  ClientOptions: ['auth_key', 'authkey', 5, { Client: (o) => Client('/nowhere', o) }],
  ProcessOptions: [
    'targte',
    'target',
    5,
    {
      Process: (o) => new Process(o),
      'dummy.Process': (o) => new dummy.Process(o),
      'Process of a context': (o) => new (getContext('spawn').Process)(o),
      'a subclass': (o) => new (class Worker extends Process {})(o),
    },
  ],
  ModuleTarget: ['exports', 'export', 5, { Process: (o) => new Process({ target: { module: './x.js', ...o } }) }],
  ResourceLimits: [
    'maxOldGenerationSizeMB',
    'maxOldGenerationSizeMb',
    '64',
    {
      Process: (o) => new Process({ target: square, resourceLimits: o }),
      Pool: (o) => new Pool(1, { resourceLimits: o }),
      ThreadPool: (o) => new ThreadPool(1, { resourceLimits: o }),
    },
  ],
  SetStartMethodOptions: [
    'forse',
    'force',
    1,
    {
      setStartMethod: (o) => multiproc.setStartMethod('spawn', o),
      'dummy.setStartMethod': (o) => dummy.setStartMethod('spawn', o),
    },
  ],
  PoolOptions: [
    'maxtasksperchild',
    'maxTasksPerChild',
    'x',
    {
      Pool: (o) => new Pool(1, o),
      ThreadPool: (o) => new ThreadPool(1, o),
      'dummy.Pool': (o) => new dummy.Pool(1, o),
      'Pool of a context': (o) => new (getContext('spawn').Pool)(1, o),
      'manager.Pool': (o) => manager.Pool(1, o),
    },
  ],
  ApplyOptions: [
    'timeOut',
    'timeout',
    '5',
    {
      apply: (o) => pool.apply(square, [1], o),
      'a managed pool.apply': (o) => managedPool.apply(square, [1], o),
      'ThreadPool.apply': (o) => threads.apply(square, [1], o),
    },
  ],
  AsyncCallbacks: ['callBack', 'callback', 5, { applyAsync: (o) => pool.applyAsync(square, [1], o) }],
  MapOptions: [
    'chunkSize',
    'chunksize',
    '2',
    {
      map: (o) => pool.map(square, [1], o),
      starmap: (o) => pool.starmap(square, [[1]], o),
      'a managed pool.map': (o) => managedPool.map(square, [1], o),
    },
  ],
  MapAsyncOptions: [
    'errorCallBack',
    'errorCallback',
    5,
    {
      mapAsync: (o) => pool.mapAsync(square, [1], o),
      starmapAsync: (o) => pool.starmapAsync(square, [[1]], o),
    },
  ],
  ImapOptions: [
    'bufferSize',
    'buffersize',
    '2',
    {
      imap: (o) => pool.imap(square, [1], o),
      imapUnordered: (o) => pool.imapUnordered(square, [1], o),
    },
  ],
  ManagerOptions: [
    'authkeys',
    'authkey',
    5,
    { BaseManager: (o) => new BaseManager(o), SyncManager: (o) => new SyncManager(o), Manager: (o) => Manager(o) },
  ],
  ManagerLimits: ['client', 'clients', '5', { SyncManager: (o) => new SyncManager({ limits: o }) }],
  TypeOptions: ['callabel', 'callable', 5, { register: (o) => class extends BaseManager {}.register('thing', o) }],
  ServeOptions: [
    'Signal',
    'signal',
    5,
    {
      serveForever: (o) => {
        const serving = server.getServer();
        return serving.serveForever(o).finally(() => serving.stop());
      },
    },
  ],
  SharedMemoryManagerOptions: ['adress', 'address', 5, { SharedMemoryManager: (o) => new SharedMemoryManager(o) }],
  FinalizeOptions: [
    'exitpriority',
    'exitPriority',
    0.5,
    { Finalize: (o) => new multiproc.Finalize(() => {}, { object: {}, ...o }) },
  ],
  ForkOptions: ['unsave', 'unsafe', 1, { fork: (o) => posix.fork(o) }],
  WaitpidOptions: ['nohang', 'noHang', 1, { waitpid: (o) => posix.waitpid(-1, o) }],
  ShmOptions: ['exlusive', 'exclusive', 1, { shmOpen: (o) => posix.shmOpen('none', o) }],
  SemOptions: ['Mode', 'mode', '1', { semOpen: (o) => posix.semOpen('none', o) }],
};

async function errorOf(call: Call, options: Options): Promise<Error> {
  try {
    await call(options);
  } catch (error) {
    return error as Error;
  }
  return new Error('accepted');
}

for (const [type, [misspelt, right, wrong, calls]] of Object.entries(kinds)) {
  t.test(`${type}: an unknown name is refused with the nearest, and so is a value of the wrong type`, async (t) => {
    for (const [name, call] of Object.entries(calls)) {
      const unknown = await errorOf(call, { [misspelt]: 1 });
      t.equal(unknown.name, 'TypeError', name);
      t.match(unknown.message, `Unknown option "${misspelt}" of `, name);
      t.match(unknown.message, `Did you mean "${right}"? The options are `, name);
      const far = await errorOf(call, { unheardOfThing: undefined });
      t.match(far, { name: 'TypeError', message: /^Unknown option "unheardOfThing" of .+\. The options are / }, name);
      const mistyped = await errorOf(call, { [right]: wrong });
      t.match(mistyped.message, new RegExp(`^Expected (the limit )?"${right}" to be .+, got `), name);
    }
  });
}

t.test('every type of options that the package exports is among them', async (t) => {
  const declared = ['index', 'dummy/index', 'posix/index'].flatMap((entry) => {
    const file = fileURLToPath(import.meta.resolve('multiproc')).replace(/index\.js$/, `${entry}.d.ts`);
    return [...readFileSync(file, 'utf8').matchAll(/\b(?:type )?(\w+Options|ManagerLimits|ResourceLimits)\b/g)];
  });
  const names = new Set(declared.map(([, name]) => name as string));
  // Errors take what Error takes: one that is thrown while another error is reported would hide that.
  names.delete('ErrorOptions');
  names.delete('MultiprocErrorOptions');
  for (const name of names) t.ok(name in kinds, name);
});

t.test('what is no options object is refused where options are expected', async (t) => {
  for (const wrong of [null, 'name', 5, true, () => {}, [], new Map(), new Date(), AbortSignal.abort()]) {
    t.throws(() => new Lock(wrong as never), {
      name: 'TypeError',
      message: /^Expected "options" to be an object, got /,
    });
  }
  for (const wrong of ['5', true, [], new Map(), AbortSignal.abort()]) {
    t.throws(() => lock.acquireSync(wrong as never), {
      name: 'TypeError',
      message: /^Expected "wait" to be milliseconds or/,
    });
  }
  for (const wrong of [{}, 'yes', 1])
    t.throws(() => Pipe(wrong as never), { message: /^Expected "duplex" to be a boolean/ });
});

t.test('instances of classes with getters, objects without a prototype and of other realms are options', async (t) => {
  class Configuration {
    get timeout() {
      return 5;
    }
  }
  const mistaken = Object.create({ timeOut: 5 });
  t.ok(lock.acquireSync(new Configuration()));
  t.notOk(lock.acquireSync(new Configuration()), 'the time-out counts');
  t.throws(() => lock.acquireSync(mistaken), { message: /Did you mean "timeout"/ });
  t.throws(
    () =>
      lock.acquireSync(
        new (class {
          get timeout() {
            return '5';
          }
        })() as never,
      ),
    { name: 'TypeError' },
  );
  t.notOk(lock.acquireSync(Object.assign(Object.create(null), { timeout: 5 })));
  const { runInNewContext } = await import('node:vm');
  t.notOk(lock.acquireSync(runInNewContext('({ timeout: 5 })')));
  lock.release();
});

t.test('arguments that objects of a manager do not take are refused', async (t) => {
  const make = manager as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const call of [
    () => make.Lock?.({ name: 'x' }),
    () => make.Semaphore?.(2, { robust: true }),
    () => make.Queue?.(2, { capacity: 5 }),
    () => make.Value?.('i', 0, { lock: false }),
  ]) {
    const error = await errorOf(call, {});
    t.match(error, { name: 'TypeError', message: /^Expected at most \d arguments? for \w+\(\) of a manager, got \d$/ });
  }
});

t.test('an empty key is refused wherever a key is given', async (t) => {
  for (const key of ['', Buffer.alloc(0)]) {
    t.throws(() => new Listener(null, { authkey: key }), { name: 'ValueError', message: /"authkey" to be a secret/ });
    t.throws(() => new SyncManager({ authkey: key }), { name: 'ValueError' });
    t.throws(() => Object.assign(multiproc.currentProcess(), { authkey: key }), { name: 'ValueError' });
    await t.rejects(Client('/nowhere', { authkey: key }), { name: 'ValueError' });
  }
});

t.test("Python's constructor of shared memory is refused with the names of what makes it here", async (t) => {
  const Constructor = SharedMemory as unknown as new (...args: unknown[]) => unknown;
  for (const args of [[], [{ create: true, size: 10 }], ['name'], [null, true, 10]]) {
    t.throws(() => new Constructor(...args), {
      name: 'TypeError',
      message: /SharedMemory\.create\(\{ name, size \}\)/,
    });
  }
});

t.test('errors are made without a message, as Error is', async (t) => {
  for (const [name, value] of Object.entries(multiproc)) {
    if (!/(Error|Empty|Full|BufferTooShort)$/.test(name) || ['SystemError', 'MaybeEncodingError'].includes(name))
      continue;
    const ErrorClass = value as unknown as new (message?: unknown) => multiproc.MultiprocError;
    t.type(new ErrorClass().message, 'string', name);
    t.equal(new ErrorClass(5).message, '5', name);
    t.match(new ErrorClass().code, /^ERR_MULTIPROC/, name);
  }
});
