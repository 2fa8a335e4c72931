/** PoolHost: a local Pool under a BullMQ worker, the part of `multiproc work` that runs tasks. */
import { hostname } from 'node:os';
import { TimeoutError, WorkerLostError } from '../../errors.js';
import { getLogger } from '../../logging.js';
import { Pool } from '../../pool/pool.js';
import { clearInterval, performanceNow, queueMicrotask, setInterval, setTimeout } from '../../timing.js';
import type { RedisClient } from '../client.js';
import type { Link } from '../link.js';
import { type Bull, type Job, type JobWorker, loadBull } from './bull.js';
import { Connections } from './connections.js';
import { leavePool } from './engine.js';
import { PoolKeys } from './keys.js';
import { failed, type LocalTask, type runTask } from './run-task.js';
import { beat, deliver } from './scripts.js';
import { argumentsField, type HostInfo, maxInline, queueName, resultField, type TaskData } from './task-data.js';

export interface PoolHostOptions {
  readonly name: string;
  readonly processes: number;
  readonly root: string;
  /** Ms after which this program counts as dead if the server does not hear of it. */
  readonly lease: number;
}

interface Delivery {
  readonly head: string;
  readonly bytes: Buffer;
  readonly field: string | undefined;
  resolve(): void;
}

const target = { module: new URL('./run-task.js', import.meta.url), export: 'runTask' };
/** Outcomes in one entry of a stream. */
const batchSize = 200;

export class PoolHost {
  done = 0;
  failed = 0;
  lost = 0;
  readonly #link: Link;
  readonly #options: PoolHostOptions;
  readonly #keys: PoolKeys;
  readonly #id: string;
  readonly #pool: Pool;
  readonly #running = new Map<string, AbortController>();
  readonly #outbox = new Map<string, Delivery[]>();
  readonly #connections: Connections;
  #worker: JobWorker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(link: Link, options: PoolHostOptions) {
    this.#link = link;
    this.#connections = new Connections(link);
    this.#options = options;
    this.#keys = new PoolKeys(link, options.name);
    this.#id = link.id();
    this.#pool = new Pool(options.processes, { minWorkers: options.processes });
  }

  get busy(): number {
    return this.#running.size;
  }

  /** Takes tasks from now on. */
  async start(): Promise<void> {
    const { Worker }: Bull = await loadBull();
    const { processes, lease } = this.#options;
    await this.#beat();
    this.#timer = setInterval(() => void this.#beat().catch(() => {}), Math.ceil(lease / 3));
    await this.#listen();
    this.#worker = new Worker<TaskData>(queueName, (job) => this.#run(job), {
      connection: this.#connections.open(),
      prefix: this.#keys.prefix,
      concurrency: processes,
      lockDuration: lease,
      stalledInterval: Math.ceil(lease / 2),
      // A task whose worker died returns to the queue: the next worker counts its attempts.
      maxStalledCount: 1_000_000,
      runRetryDelay: 200,
    });
    this.#worker.on('error', (error) => getLogger().warning('%s', error.message));
    await this.#worker.waitUntilReady();
  }

  /** Takes no further task, finishes those that run, and leaves. Idempotent. */
  async close(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    await this.#worker?.close();
    clearInterval(this.#timer);
    await leavePool(this.#link, this.#keys, this.#id);
    await this.#pool.drain();
    this.#connections.end();
  }

  async #beat(): Promise<void> {
    const { processes, lease } = this.#options;
    const info: HostInfo = { host: hostname(), pid: process.pid, processes, busy: this.busy };
    const { members, hosts } = this.#keys;
    await beat.evaluate(this.#link.commands, [members, hosts], [this.#id, 3 * lease, JSON.stringify(info)]);
  }

  async #listen(): Promise<void> {
    const client = this.#connections.open();
    client.on('message', (_channel: string, text: string) => {
      for (const id of JSON.parse(text) as string[]) this.#running.get(id)?.abort();
    });
    await (client as RedisClient & { subscribe(channel: string): Promise<unknown> }).subscribe(this.#keys.cancelled);
  }

  /** Runs a job. Returns after its outcome was given to the client, so that it is on the server before the job is removed. */
  async #run(job: Job<TaskData>): Promise<void> {
    const { id, data } = job;
    if (job.attemptsStarted > data.attempts) {
      const error = new WorkerLostError(
        `The worker program that ran the task died or lost its connection (${data.attempts} of ${data.attempts} attempts)`,
      );
      await this.#deliver(data.client, id, failed(error), 0);
      return;
    }
    const values = await this.#valuesOf(id, data);
    // The client is gone, and its values with it.
    if (values === undefined) return;
    const controller = new AbortController();
    this.#running.set(id, controller);
    const began = performanceNow();
    let bytes: Buffer;
    try {
      const { timeout } = data;
      const task: LocalTask = { ...placeOf(data), apply: data.apply, root: this.#options.root, values };
      bytes = Buffer.from(
        await this.#pool.apply<Parameters<typeof runTask>, ReturnType<typeof runTask>>(target, [task], {
          signal: controller.signal,
          timeout,
        }),
      );
      if (bytes[0] === 1) this.done++;
      else this.failed++;
    } catch (error) {
      if (controller.signal.aborted) return;
      this.failed++;
      if (error instanceof WorkerLostError) {
        this.lost++;
        getLogger().warning('a process died in task %s: %s', id, error.message);
        // BullMQ returns it to the queue.
        if (job.attemptsStarted < data.attempts) throw error;
      } else if (!(error instanceof TimeoutError)) {
        getLogger().warning('task %s: %s', id, String(error));
      }
      bytes = failed(error);
    } finally {
      this.#running.delete(id);
    }
    await this.#deliver(data.client, id, bytes, performanceNow() - began);
  }

  async #valuesOf(id: string, { client, values }: TaskData): Promise<Buffer | undefined> {
    if (values !== undefined) return Buffer.from(values, 'base64');
    const bytes = await this.#link.commands.callBuffer('HGET', this.#keys.large(client), argumentsField(id));
    return (bytes as Buffer | null) ?? undefined;
  }

  /** Gives an outcome to the client, with all others of this turn in one entry. */
  #deliver(client: string, id: string, bytes: Buffer, ran: number): Promise<void> {
    return new Promise((resolve) => {
      const large = bytes.length > maxInline;
      const head = JSON.stringify([id, Math.round(ran * 1000) / 1000, large ? 1 : 0]);
      const delivery = { head, bytes, field: large ? resultField(id) : undefined, resolve };
      const waiting = this.#outbox.get(client);
      if (waiting !== undefined) {
        waiting.push(delivery);
        return;
      }
      this.#outbox.set(client, [delivery]);
      queueMicrotask(() => void this.#flush(client));
    });
  }

  async #flush(client: string): Promise<void> {
    const all = this.#outbox.get(client) ?? [];
    this.#outbox.delete(client);
    for (let i = 0; i < all.length; i += batchSize) {
      const batch = all.slice(i, i + batchSize);
      const inline = batch.flatMap(({ head, bytes, field }) => [head, field === undefined ? bytes : '']);
      const beside = batch.flatMap(({ bytes, field }) => (field === undefined ? [] : [field, bytes]));
      const args = [3 * this.#options.lease, inline.length, ...inline, ...beside];
      await this.#give(client, args);
      for (const { resolve } of batch) resolve();
    }
  }

  /** Tries until the server takes it: it may have no memory, or restart. */
  async #give(client: string, args: (string | number | Buffer)[]): Promise<void> {
    const keys = [this.#keys.outcomes(client), this.#keys.large(client)];
    for (;;) {
      try {
        await deliver.evaluate(this.#link.commands, keys, args);
        return;
      } catch (error) {
        if (this.#link.closed) return;
        getLogger().warning('results were not taken by the server: %s', (error as Error).message);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  }
}

function placeOf({ module, export: name, registered }: TaskData): Pick<TaskData, 'module' | 'export' | 'registered'> {
  return { module, export: name, registered };
}
