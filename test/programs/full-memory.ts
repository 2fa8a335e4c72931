/** Runs where /dev/shm has 64 MiB: fills it, says what fails how, and what works as soon as memory is there again. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import {
  isMainProcess,
  JoinableQueue,
  Manager,
  Pipe,
  Pool,
  Process,
  Queue,
  RawArray,
  SharedMap,
  SharedMemory,
  SimpleQueue,
  type SystemError,
  ThreadPool,
} from 'multiproc';

const mebibyte = 2 ** 20;
const large = 24 * mebibyte;
const ballast = '/dev/shm/ballast';

export function bytes(length: number): Buffer {
  return Buffer.alloc(length, 7);
}

export function lengthOf(value: Uint8Array): number {
  return value.length;
}

export interface Failure {
  what: string;
  name: string | undefined;
  code: string | undefined;
  message: string | undefined;
  wanted: number | undefined;
  free: number | undefined;
  capacity: number | undefined;
  /** How much less was free afterwards. */
  lost: number;
}

export interface Report {
  failures: Failure[];
  /** What worked, or not as expected. */
  works: Record<string, unknown>;
}

const failures: Failure[] = [];
const works: Record<string, unknown> = {};

function free(): number {
  const { bavail, bsize } = statfsSync('/dev/shm');
  return bavail * bsize;
}

/** Leaves so much free. */
function fill(left: number): void {
  const file = openSync(ballast, 'w', 0o600);
  const piece = Buffer.alloc(mebibyte);
  while (free() > left + mebibyte) writeSync(file, piece);
  closeSync(file);
}

async function fails(what: string, call: () => unknown): Promise<void> {
  const before = free();
  let error: Partial<SystemError> = {};
  try {
    await call();
  } catch (caught) {
    error = caught as SystemError;
  }
  const { name, code, message, wanted, free: said, capacity } = error;
  failures.push({ what, name, code, message, wanted, free: said, capacity, lost: before - free() });
}

async function pools(): Promise<void> {
  const pool = new Pool(1);
  await pool.apply(lengthOf, [Buffer.alloc(10)]);
  fill(20 * mebibyte);
  await fails('a result', () => pool.apply(bytes, [large]));
  await fails('a chunk of results', () => pool.map(bytes, [large, 1], { chunksize: 2 }));
  await fails('an argument', () => pool.apply(lengthOf, [Buffer.alloc(large)]));
  await fails('an item', () => pool.map(lengthOf, [Buffer.alloc(large)]));
  const program = spawnSync('dd', ['if=/dev/zero', 'of=/dev/shm/other', 'bs=1M', 'count=12']);
  works['another program'] = program.status;
  unlinkSync('/dev/shm/other');
  works['a small result'] = (await pool.apply(bytes, [1000])).length;
  works['a small argument'] = await pool.apply(lengthOf, [Buffer.alloc(1000)]);
  unlinkSync(ballast);
  for (const time of [1, 2, 3]) {
    works[`a large result, ${time}`] = (await pool.apply(bytes, [large])).length;
    works[`a large argument, ${time}`] = await pool.apply(lengthOf, [Buffer.alloc(large)]);
  }
  await pool.close();
  await pool.join();
}

async function queues(): Promise<void> {
  const message = Buffer.alloc(large);
  for (const [what, make] of Object.entries({
    'a bounded Queue': () => new Queue<Uint8Array>(5),
    'a Queue': () => new Queue<Uint8Array>(),
    'a JoinableQueue': () => new JoinableQueue<Uint8Array>(5),
    'a SimpleQueue': () => new SimpleQueue<Uint8Array>(),
  })) {
    const queue = make();
    fill(20 * mebibyte);
    await fails(`${what}: put`, () => queue.put(message));
    await fails(`${what}: putSync`, () => queue.putSync(message));
    if (queue instanceof Queue) {
      await fails(`${what}: put with a time-out`, () => queue.put(message, 60_000));
      await fails(`${what}: tryPut`, () => queue.tryPut(message));
      await fails(`${what}: putNoWait`, () => queue.putNoWait(message));
      await fails(`${what}: putMany`, () => queue.putMany([message]));
    }
    queue.putSync(Buffer.alloc(100));
    works[`${what}: a small message`] = queue.getSync().length;
    unlinkSync(ballast);
    for (const time of [1, 2, 3]) {
      const put = queue.put(message);
      works[`${what}: a large message, ${time}`] = (await queue.get()).length;
      await put;
    }
    queue.close();
  }
}

/** What is unread holds the memory that the next message needs: it waits for that alone. */
async function waiting(): Promise<void> {
  const queue = new Queue<Uint8Array>(5);
  const message = Buffer.alloc(18 * mebibyte);
  fill(24 * mebibyte);
  await queue.put(message);
  works['a wait for the reader that times out'] = await queue.put(message, 50).catch((error) => error.name);
  const signal = AbortSignal.timeout(50);
  works['a wait for the reader that is aborted'] = await queue.put(message, { signal }).catch((error) => error.name);
  const put = queue.put(message);
  const before = process.cpuUsage();
  works['still waits'] = await Promise.race([put, new Promise((done) => setTimeout(done, 500, 'yes'))]);
  const { user, system } = process.cpuUsage(before);
  works['burns no CPU'] = user + system < 250_000;
  works['the first one'] = (await queue.get()).length;
  await put;
  works['the second one'] = (await queue.get()).length;
  queue.close();
  unlinkSync(ballast);
}

/** What is unread is not waited for by an unbounded queue: /dev/shm is what is short, or the queue's capacity. */
async function unread(): Promise<void> {
  const queue = new Queue<Uint8Array>(0, { capacity: 60 * mebibyte });
  fill(36 * mebibyte);
  await queue.put(Buffer.alloc(16 * mebibyte));
  const message = Buffer.alloc(large);
  await fails('a Queue with unread messages: put', () => queue.put(message));
  await fails('a Queue with unread messages: putSync', () => queue.putSync(message));
  await fails('a Queue with unread messages: tryPut', () => queue.tryPut(message));
  works['the unread one'] = (await queue.get()).length;
  queue.close();
  unlinkSync(ballast);
  const small = new Queue<Uint8Array>(0, { capacity: 4 * mebibyte });
  const piece = Buffer.alloc(mebibyte);
  let error: unknown;
  for (let i = 0; i < 8 && error === undefined; i++) await small.put(piece).catch((caught) => (error = caught));
  works['the capacity is full'] = (error as Error | undefined)?.name;
  small.close();
}

async function objects(): Promise<void> {
  fill(20 * mebibyte);
  await fails('a SharedMemory', () => SharedMemory.create({ size: large }));
  await fails('a RawArray', () => new RawArray('B', large));
  works['a small SharedMemory'] = SharedMemory.create({ size: 4096 }).size;
  unlinkSync(ballast);
}

/** A map that evicts keeps its entries if evicting all of them would not be enough. */
async function maps(): Promise<void> {
  for (const eviction of ['lru', 'none'] as const) {
    const map = new SharedMap<string, Uint8Array>({ eviction });
    for (let i = 0; i < 100; i++) map.set(`${i}`, Buffer.alloc(1000));
    fill(20 * mebibyte);
    await fails(`a SharedMap, ${eviction}: set`, () => map.set('large', Buffer.alloc(large)));
    await fails(`a SharedMap, ${eviction}: getOrInsert`, () => map.getOrInsert('large', Buffer.alloc(large)));
    works[`a SharedMap, ${eviction}: its entries`] = map.size;
    map.set('small', Buffer.alloc(100));
    unlinkSync(ballast);
    map.set('large', Buffer.alloc(large));
    works[`a SharedMap, ${eviction}: a large entry`] = map.get('large')?.length;
    map.close();
  }
}

async function threads(): Promise<void> {
  const pool = new ThreadPool(1);
  await pool.apply(lengthOf, [Buffer.alloc(10)]);
  fill(20 * mebibyte);
  await fails('a result of a thread', () => pool.apply(bytes, [large]));
  await fails('an argument for a thread', () => pool.apply(lengthOf, [Buffer.alloc(large)]));
  unlinkSync(ballast);
  works['a large result of a thread'] = (await pool.apply(bytes, [large])).length;
  await pool.close();
  await pool.join();
}

/** These go through sockets and small rings: their size does not count. */
async function streams(): Promise<void> {
  const manager = await Manager();
  const dict = await manager.dict<string, Uint8Array>();
  fill(20 * mebibyte);
  const message = Buffer.alloc(large);
  const [one, other] = Pipe();
  const received = other.recv();
  await one.send(message);
  works['a large message of a pipe'] = ((await received) as Buffer).length;
  one.close();
  other.close();
  for (const method of ['forkserver', 'spawn'] as const) {
    const child = new Process({ target: lengthOf, args: [message], context: method });
    await child.start();
    await child.join();
    works[`${method} with a large argument`] = child.exitCode;
  }
  await dict.set('large', message);
  works['a large value of a manager'] = (await dict.get('large'))?.length;
  await manager.shutdown();
  unlinkSync(ballast);
}

if (isMainProcess && process.argv[1] === import.meta.filename) {
  await pools();
  await queues();
  await waiting();
  await unread();
  await objects();
  await maps();
  await threads();
  await streams();
  console.log(JSON.stringify({ failures, works } satisfies Report));
}
