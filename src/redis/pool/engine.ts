/** The client's side of a pool on Redis: tasks become jobs of BullMQ, and outcomes come by one stream. */
import { ValueError, WorkerLostError } from '../../errors.js';
import { clock } from '../../pool/clock.js';
import type { Engine, EngineOwner } from '../../pool/engine.js';
import type { PoolFunction } from '../../pool/functions.js';
import { Histogram } from '../../pool/histogram.js';
import { Packing, type Payload } from '../../pool/payload.js';
import type { PoolWorkerStats } from '../../pool/stats.js';
import type { PoolTask } from '../../pool/task.js';
import { Message } from '../../serialize/records.js';
import type { Block } from '../../shared/block.js';
import { clearInterval, queueMicrotask, setInterval, setTimeout } from '../../timing.js';
import type { RedisClient } from '../client.js';
import { noSync, RedisError, redisError } from '../errors.js';
import type { Link } from '../link.js';
import { entriesOf } from '../stream.js';
import { decode, encode } from '../values.js';
import { type Bull, type JobQueue, loadBull, type NewJob } from './bull.js';
import { Connections } from './connections.js';
import { type FunctionPlace, placeOfFunction } from './function-places.js';
import { PoolKeys } from './keys.js';
import { audit, beat, leave, leftOvers, taskLists } from './scripts.js';
import { argumentsField, type HostInfo, maxInline, queueName, resultField, type TaskData } from './task-data.js';

export interface EngineOptions {
  readonly name: string;
  readonly root: string;
  readonly attempts: number;
  /** Ms after which a client or a worker program that is not heard of counts as dead. */
  readonly lease: number;
}

interface Entry {
  readonly id: string;
  readonly task: PoolTask;
  readonly bytes: Buffer;
  readonly data: TaskData;
  readonly submitted: number;
  /** Whether it was sent to the server. */
  sent: boolean;
  /** Number of looks that found no trace of it on the server. */
  missed: number;
}

interface RemoteFunction extends PoolFunction {
  readonly place: FunctionPlace;
}

/** Tasks that are added by one transaction, and looked at by one script. */
const batchSize = 500;
/** Upper bound on tasks that are submitted and have not settled. */
const maxTasks = 20_000;
/** Number of workers that chunks are made for while that of the pool is unknown. */
const assumedWorkers = 16;

export class RedisEngine implements Engine {
  readonly runTime = new Histogram();
  readonly waitTime = new Histogram();
  readonly stdout = null;
  readonly stderr = null;
  completed = 0;
  failed = 0;
  lost = 0;
  readonly #link: Link;
  readonly #options: EngineOptions;
  readonly #owner: EngineOwner;
  readonly #keys: PoolKeys;
  /** Identifies this pool object among the clients. */
  readonly #client: string;
  readonly #stream: string;
  readonly #large: string;
  readonly #functions = new WeakMap<object, RemoteFunction>();
  readonly #entries = new Map<string, Entry>();
  readonly #ids = new Map<PoolTask, string>();
  readonly #outbox: Entry[] = [];
  readonly #connections: Connections;
  readonly #begun: Promise<JobQueue<TaskData>>;
  readonly #forgetClose: () => void;
  #flushing = false;
  #timer: NodeJS.Timeout | undefined;
  #workers: HostInfo[] = [];
  #isOver = false;

  constructor(link: Link, options: EngineOptions, owner: EngineOwner) {
    link.checkOpen();
    this.#link = link;
    this.#connections = new Connections(link);
    this.#options = options;
    this.#owner = owner;
    this.#keys = new PoolKeys(link, options.name);
    this.#client = link.id();
    this.#stream = this.#keys.outcomes(this.#client);
    this.#large = this.#keys.large(this.#client);
    this.#forgetClose = link.onClose(() => this.terminate(new RedisError('The Redis context was closed')));
    this.#begun = this.#begin();
    this.#begun.catch((error) => {
      if (!this.#isOver) owner.failed(error);
    });
  }

  readonly functions = {
    of: (target: unknown): PoolFunction => {
      let known = this.#functions.get(target as object);
      if (known === undefined) {
        const { name, ...place } = placeOfFunction(target, this.#options.root);
        known = { number: 0, name, text: undefined, place };
        this.#functions.set(target as object, known);
      }
      return known;
    },
  };

  get size(): number {
    return this.#workers.reduce((sum, { processes }) => sum + processes, 0) || assumedWorkers;
  }

  get unfinished(): number {
    return this.#entries.size;
  }

  get queued(): number {
    return this.#entries.size;
  }

  get isRoomy(): boolean {
    return this.#entries.size < maxTasks;
  }

  get block(): Block {
    throw new ValueError('A pool on Redis has no shared memory to inspect: use stats()');
  }

  pack(values: readonly unknown[], root: string): Payload {
    const bytes = encode(values, root);
    return { packing: Packing.list, values: [new Message(bytes)], from: 0, to: 1, units: 0 };
  }

  workers(): PoolWorkerStats[] {
    return this.#workers.map(({ host, pid, busy }) => ({ pid, name: host, state: busy > 0 ? 'busy' : 'idle' }));
  }

  submit(task: PoolTask, payload: Payload): void {
    const { bytes } = payload.values[0] as Message;
    const id = this.#link.id();
    const { place } = task.fn as RemoteFunction;
    const data: TaskData = {
      client: this.#client,
      ...place,
      apply: task.application,
      values: bytes.length > maxInline ? undefined : bytes.toString('base64'),
      timeout: task.timeout === Infinity ? undefined : task.timeout,
      attempts: this.#options.attempts,
    };
    const entry = { id, task, bytes, data, submitted: clock(), sent: false, missed: 0 };
    this.#entries.set(id, entry);
    this.#ids.set(task, id);
    this.#outbox.push(entry);
    if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(() => void this.#flush());
    }
  }

  giveUp(task: PoolTask, _why: unknown, reason: unknown): void {
    const id = this.#ids.get(task);
    if (id === undefined) return;
    const entry = this.#entries.get(id) as Entry;
    this.#settle(entry, false, reason, 0);
    if (entry.sent) void this.#withdraw([id]);
  }

  serveSync(): never {
    throw noSync('getSync()', 'get()');
  }

  poll(): void {}

  hold(): void {}

  /** Leaves the pool: all work is done. */
  finish(): void {
    void this.#end([]);
  }

  terminate(reason: unknown): void {
    if (this.#isOver) return;
    const entries = [...this.#entries.values()];
    void this.#end(entries.filter(({ sent }) => sent).map(({ id }) => id));
    for (const entry of entries) this.#settle(entry, false, reason, 0);
  }

  leave(): void {
    this.#isOver = true;
  }

  forget(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
  }

  async #begin(): Promise<JobQueue<TaskData>> {
    const { Queue }: Bull = await loadBull();
    await this.#beat();
    // Commands whose answer was lost are not sent again: a task that has run meanwhile would run twice.
    const connection = this.#connections.open() as RedisClient & {
      options?: { autoResendUnfulfilledCommands?: boolean };
    };
    if (connection.options !== undefined) connection.options.autoResendUnfulfilledCommands = false;
    const queue = new Queue<TaskData>(queueName, { connection, prefix: this.#keys.prefix });
    queue.on('error', () => {
      // The command that failed reports it.
    });
    void this.#read(this.#connections.open());
    if (this.#isOver) return queue;
    this.#timer = setInterval(() => void this.#watch(), Math.ceil(this.#options.lease / 3));
    this.#timer.unref();
    return queue;
  }

  async #beat(): Promise<void> {
    const { members, hosts } = this.#keys;
    const keys = [members, hosts, this.#stream, this.#large];
    const reply = await beat.evaluate(this.#link.commands, keys, [this.#client, 3 * this.#options.lease]);
    const [, infos] = reply as [number, Buffer[]];
    this.#workers = infos.map((text) => JSON.parse(String(text)) as HostInfo);
  }

  async #flush(): Promise<void> {
    try {
      const queue = await this.#begun;
      while (this.#outbox.length > 0) {
        const batch = this.#outbox.splice(0, batchSize).filter(({ id }) => this.#entries.has(id));
        if (batch.length > 0) await this.#add(queue, batch);
      }
    } catch {
      // The pool has failed, and settles what it has.
    } finally {
      this.#flushing = false;
    }
  }

  async #add(queue: JobQueue<TaskData>, batch: readonly Entry[]): Promise<void> {
    for (const entry of batch) entry.sent = true;
    try {
      const large = batch.filter(({ data }) => data.values === undefined);
      if (large.length > 0) {
        const fields = large.flatMap(({ id, bytes }) => [argumentsField(id), bytes]);
        await this.#link.commands.callBuffer('HSET', this.#large, ...fields);
        await this.#link.commands.callBuffer('PEXPIRE', this.#large, 3 * this.#options.lease);
      }
      await this.#send(queue, batch.map(jobOf));
    } catch (error) {
      if (this.#isOver) return;
      if (isConnectionError(error)) await this.#addAgain(queue, batch);
      else this.#refused(batch, error);
    }
    // Tasks that were cancelled while they were sent, or refused with others of the batch.
    const cancelled = batch.filter(({ id }) => !this.#entries.has(id)).map(({ id }) => id);
    if (cancelled.length > 0 && !this.#isOver) await this.#withdraw(cancelled, queue);
  }

  async #send(queue: JobQueue<TaskData>, jobs: readonly NewJob<TaskData>[]): Promise<void> {
    const [job] = jobs;
    if (jobs.length === 1 && job !== undefined) await queue.add(job.name, job.data, job.opts);
    else await queue.addBulk(jobs);
  }

  /**
   * Adds what the server did not get before the connection broke. A job is removed after its outcome was sent, so one that
   * exists no more, and has no outcome, was never added.
   */
  async #addAgain(queue: JobQueue<TaskData>, batch: readonly Entry[]): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const states = await this.#states(batch);
    await this.#readNow();
    const absent = batch.filter((entry, i) => states[i] === 0 && this.#entries.has(entry.id));
    if (absent.length > 0 && !this.#isOver) await this.#add(queue, absent);
  }

  #refused(batch: readonly Entry[], error: unknown): void {
    const reason = redisError(error, 'adding tasks');
    for (const entry of batch) this.#settle(entry, false, reason, 0);
  }

  /** Removes jobs that wait, and interrupts those that run. */
  async #withdraw(ids: readonly string[], known?: JobQueue<TaskData>): Promise<void> {
    try {
      const queue = known ?? (await this.#begun);
      for (let i = 0; i < ids.length; i += batchSize) {
        const part = ids.slice(i, i + batchSize);
        await this.#link.commands.callBuffer('PUBLISH', this.#keys.cancelled, JSON.stringify(part));
        await Promise.all(part.map((id) => queue.remove(id)));
        await this.#link.commands.callBuffer('HDEL', this.#large, ...part.map(argumentsField));
      }
    } catch {
      // The connection ends, or the server refuses: the tasks run, and no client takes their outcomes.
    }
  }

  #last = '0';

  /** Takes outcomes until the pool has ended. */
  async #read(client: RedisClient): Promise<void> {
    while (!this.#isOver) {
      try {
        const from = this.#last;
        const reply = await client.callBuffer(
          'XREAD',
          'COUNT',
          batchSize,
          'BLOCK',
          5000,
          'STREAMS',
          this.#stream,
          from,
        );
        await this.#take(reply);
      } catch (error) {
        if (error instanceof TypeError) this.#owner.failed(error);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  /** Takes the outcomes that are there. */
  async #readNow(): Promise<void> {
    await this.#take(await this.#link.commands.callBuffer('XREAD', 'STREAMS', this.#stream, this.#last));
  }

  async #take(reply: unknown): Promise<void> {
    const entries = entriesOf(reply);
    if (entries.length === 0) return;
    const used: string[] = [];
    for (const [at, fields] of entries) {
      this.#last = String(at);
      for (let i = 0; i + 1 < fields.length; i += 2) {
        const head = String(fields[i]);
        if (head === 'hello') continue;
        const [id, ran, large] = JSON.parse(head) as [string, number, number];
        const entry = this.#entries.get(id);
        let bytes = fields[i + 1] as Buffer;
        if (large === 1) {
          if (entry !== undefined) {
            bytes = (await this.#link.commands.callBuffer('HGET', this.#large, resultField(id))) as Buffer;
          }
          used.push(resultField(id));
        }
        if (entry === undefined || !this.#entries.has(id)) continue;
        if (entry.data.values === undefined) used.push(argumentsField(id));
        this.#arrived(entry, bytes, ran);
      }
    }
    const { commands } = this.#link;
    if (used.length > 0) commands.callBuffer('HDEL', this.#large, ...used).catch(() => {});
    commands.callBuffer('XTRIM', this.#stream, 'MINID', this.#last).catch(() => {});
  }

  #arrived(entry: Entry, bytes: Buffer | null, ran: number): void {
    let ok = false;
    let value: unknown;
    try {
      if (bytes === null) throw new RedisError('The result is no longer on the server: it was evicted or expired');
      ok = bytes[0] === 1;
      value = decode(bytes.subarray(1));
    } catch (error) {
      ok = false;
      value = error;
    }
    if (!ok && value instanceof WorkerLostError) this.lost++;
    this.#settle(entry, ok, value, ran);
  }

  #settle(entry: Entry, ok: boolean, value: unknown, ran: number): void {
    if (!this.#entries.delete(entry.id)) return;
    this.#ids.delete(entry.task);
    const waited = Math.max(clock() - entry.submitted - ran, 0);
    if (ok) this.completed++;
    else this.failed++;
    this.runTime.record(ran);
    this.waitTime.record(waited);
    entry.task.over = true;
    entry.task.settle(ok, value);
    this.#owner.finished(entry.task, undefined, ok, waited, ran);
    this.#owner.moved();
  }

  async #watch(): Promise<void> {
    try {
      await this.#beat();
      const old = clock() - this.#options.lease;
      const entries = [...this.#entries.values()].filter(({ submitted, sent }) => sent && submitted < old);
      for (let i = 0; i < entries.length; i += batchSize) await this.#judge(entries.slice(i, i + batchSize));
    } catch {
      // There is no connection: the next look is due soon.
    }
  }

  /** Fails tasks whose worker programs died with no other left, and those that the server lost: after two looks. */
  async #judge(entries: readonly Entry[]): Promise<void> {
    const states = await this.#states(entries);
    await this.#readNow();
    const lost: string[] = [];
    entries.forEach((entry, i) => {
      entry.missed = states[i] === 1 ? 0 : entry.missed + 1;
      if (entry.missed < 2 || !this.#entries.has(entry.id)) return;
      if (states[i] === 2) this.lost++;
      lost.push(entry.id);
      this.#settle(entry, false, states[i] === 2 ? workerLost() : taskLost(), 0);
    });
    if (lost.length > 0) await this.#withdraw(lost);
  }

  async #states(entries: readonly Entry[]): Promise<number[]> {
    const args = entries.flatMap(({ id, data }) => [id, data.attempts]);
    const prefix = this.#keys.bull('');
    return (await audit.evaluate(this.#link.commands, [this.#keys.members], [prefix, ...args])) as number[];
  }

  /** Withdraws tasks, leaves the pool, and ends the connections. */
  async #end(ids: readonly string[]): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    clearInterval(this.#timer);
    this.#forgetClose();
    const queue = await this.#begun.catch(() => undefined);
    if (queue !== undefined && !this.#link.closed) {
      await this.#withdraw(ids, queue);
      await leavePool(this.#link, this.#keys, this.#client).catch(() => {});
      await queue.close().catch(() => {});
    }
    this.#connections.end();
    this.#owner.gone();
  }
}

/** Takes a client or a worker program out of the pool. */
export async function leavePool(link: Link, keys: PoolKeys, id: string): Promise<void> {
  const all = [keys.members, keys.hosts, keys.outcomes(id), keys.large(id)];
  const rest = [...taskLists, ...leftOvers].map((part) => keys.bull(part));
  await leave.evaluate(link.commands, [...all, ...rest], [id, taskLists.length]);
}

function jobOf({ id, task, data }: Entry): NewJob<TaskData> {
  const { attempts } = data;
  const opts = { jobId: id, attempts, removeOnComplete: true, removeOnFail: true, stackTraceLimit: 0 };
  return { name: task.fn.name || 'task', data, opts };
}

/** Whether the connection failed before the answer came, rather than that the server or a check refused the command. */
function isConnectionError(error: unknown): boolean {
  const { name, message } = error as Error;
  return name !== 'ReplyError' && (name === 'AbortError' || /connection|closed|ECONN|EPIPE|socket/i.test(message));
}

function workerLost(): WorkerLostError {
  return new WorkerLostError(
    'The worker program that ran the task died or lost its connection, and no attempt is left',
  );
}

function taskLost(): RedisError {
  return new RedisError(
    'The server has neither the task nor its outcome: it lost data, or removed them for want of memory. Give it an ' +
      'append-only file (appendonly yes), and maxmemory-policy noeviction',
  );
}
