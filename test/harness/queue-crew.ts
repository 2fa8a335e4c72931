/**
 * Producers and consumers that are killed at any moment, and the books that tell whether a message was lost, torn or
 * doubled.
 *
 * Every producer has a number of its own, and numbers its messages; when a put has returned, that is booked. Every
 * consumer books what a get returned. What a consumer had taken and not booked when it was killed is gone with it: at most
 * one message (or one batch).
 */
import { Empty, Queue, SharedArray } from 'multiproc';

/** More messages than a producer can put before it is killed. */
const most = 10_000;
const batch = 5;

/** Words of `state`. */
const stop = 0;
const progress = 1;
const fault = 2;

export class Books {
  readonly queue: Queue<unknown>;
  readonly #state: Int32Array & { close(): void };
  /** For each producer how many of its puts have returned. */
  readonly #put: Int32Array & { close(): void };
  /** For each message how often it was got. */
  readonly #got: Uint8Array & { close(): void };

  constructor(name: string, producers: number, maxsize: number) {
    this.queue = new Queue(maxsize, { name: `${name}queue` });
    this.#state = new SharedArray('i', 8, { name: `${name}state`, lock: false }) as never;
    this.#put = new SharedArray('i', producers, { name: `${name}put`, lock: false }) as never;
    this.#got = new SharedArray('B', producers * most, { name: `${name}got`, lock: false }) as never;
  }

  /** Changes whenever somebody gets on. */
  get progress(): number {
    return Atomics.load(this.#state, progress);
  }

  get fault(): number {
    return Atomics.load(this.#state, fault);
  }

  stop(): void {
    Atomics.store(this.#state, stop, 1);
  }

  get stopped(): boolean {
    return Atomics.load(this.#state, stop) !== 0;
  }

  produce(producer: number, many: boolean): void {
    for (let i = 0; i < most && !this.stopped; ) {
      if (many && i + batch < most) {
        this.queue.putManySync(Array.from({ length: batch }, (_, k) => message(producer, i + k)));
        i += batch;
      } else {
        this.queue.putSync(message(producer, i));
        i++;
      }
      Atomics.store(this.#put, producer, i);
      Atomics.add(this.#state, progress, 1);
    }
  }

  consume(many: boolean): void {
    while (!this.stopped) {
      try {
        if (many) for (const item of this.queue.getManySync(batch, 50)) this.book(item);
        else this.book(this.queue.getSync(50));
      } catch (error) {
        if (!(error instanceof Empty)) throw error;
      }
      Atomics.add(this.#state, progress, 1);
    }
  }

  async consumeByPromise(): Promise<void> {
    while (!this.stopped) {
      try {
        this.book(await this.queue.get(50));
      } catch (error) {
        if (!(error instanceof Empty)) throw error;
      }
      Atomics.add(this.#state, progress, 1);
    }
  }

  /** Books a message that was got. */
  book(item: unknown): void {
    const where = read(item);
    if (where === undefined) {
      Atomics.store(this.#state, fault, 1);
      throw new Error('a torn message');
    }
    this.#got[where[0] * most + where[1]] = (this.#got[where[0] * most + where[1]] as number) + 1;
  }

  /** Messages whose put has returned and that nobody got; and those that were got twice. */
  check(): { put: number; lost: number; doubled: number } {
    let put = 0;
    let lost = 0;
    let doubled = 0;
    for (let producer = 0; producer < this.#put.length; producer++) {
      const returned = this.#put[producer] as number;
      put += returned;
      for (let i = 0; i < most; i++) {
        const got = this.#got[producer * most + i] as number;
        if (got === 0 && i < returned) lost++;
        if (got > 1) doubled++;
      }
    }
    return { put, lost, doubled };
  }

  close(): void {
    for (const each of [this.queue, this.#state, this.#put, this.#got]) each.close();
  }
}

/** How many messages a killed consumer can have had. */
export const mostLostWith = { one: 1, many: batch };

/** Every kind of record: small ones, some that need another extent, and now and then a large one. */
function message(producer: number, i: number): unknown {
  const id = `${producer}:${i};`;
  if (i % 97 === 3) return Buffer.alloc(150_000, id);
  switch (i % 5) {
    case 0:
      return producer * most + i;
    case 1:
      return id.repeat(1 + (i % 40));
    case 2:
      return { id, again: [id] };
    case 3:
      return Buffer.alloc(32 + ((i * 131) % 6000), id);
    default:
      return new Int32Array([producer, i, producer ^ i]);
  }
}

/** Which message it is; `undefined` if it is none that was put. */
function read(item: unknown): readonly [number, number] | undefined {
  if (typeof item === 'number') return [Math.floor(item / most), item % most];
  if (typeof item === 'string') return parse(item, (id) => item === id.repeat(item.length / id.length));
  if (Buffer.isBuffer(item)) {
    return parse(item.toString('latin1', 0, 32), (id) => item.equals(Buffer.alloc(item.length, id)));
  }
  if (item instanceof Int32Array) {
    const [producer, i, both] = item as unknown as [number, number, number];
    return both === (producer ^ i) ? [producer, i] : undefined;
  }
  const { id, again } = item as { id: string; again: string[] };
  return parse(id, () => again[0] === id);
}

function parse(text: string, isWhole: (id: string) => boolean): readonly [number, number] | undefined {
  const [id, producer, i] = /^(\d+):(\d+);/.exec(text) ?? [];
  return id !== undefined && isWhole(id) ? [Number(producer), Number(i)] : undefined;
}
