/** Queues on a Redis server: messages from programs of any machine, each to one reader. */

import { now, type ParsedWait, parseWait, timerMs, type Wait } from '../deadline.js';
import {
  ClosedError as Closed,
  type ClosedError,
  Empty,
  EOFError,
  Full,
  MultiprocError,
  ValueError,
} from '../errors.js';
import { untilEnded } from '../messaging/until-ended.js';
import { describe } from '../options/describe.js';
import { type NameOptions, nameOptions } from '../shared/block.js';
import { clearTimeout, setTimeout } from '../timing.js';
import { Bell } from './bell.js';
import { noSync } from './errors.js';
import type { Link, RunOptions } from './link.js';
import { RedisObject } from './object.js';
import type { Argument } from './script.js';
import { Script } from './script.js';
import { decode, encode } from './values.js';
import { type Tried, waitOn } from './wait.js';

/** Keys of every script of a queue, and its first argument: `maxsize`, 0 for no limit. */
export const queueParts = ['state', 'items', 'bell', 'waiting', 'room', 'roomwaiting'] as const;
export const openedQueue = `
  local state, items, bell, waiting, room, roomwaiting = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
  local maxsize = call('HGET', state, 'maxsize')
  if not maxsize then
    maxsize = args[1]
    call('HSET', state, 'maxsize', maxsize)
  elseif maxsize ~= args[1] then
    return { 0, 'maxsize', maxsize }
  end
  maxsize = tonumber(maxsize)
  local ended = call('HEXISTS', state, 'ended') == 1
`;

const put = new Script(
  'putting a message',
  `${openedQueue}
  if ended then
    ring(room, roomwaiting)
    return { 0, 'ended' }
  end
  local left = maxsize == 0 and #args or maxsize - call('LLEN', items)
  if left <= 0 then
    if args[2] == '1' then expect(roomwaiting) end
    return { 0, 'full' }
  end
  local count = math.min(left, #args - 2)
  for i = 1, count do call('RPUSH', items, args[i + 2]) end
  ring(bell, waiting)
  if left > count then ring(room, roomwaiting) end
  return { 1, count }
`,
  true,
);

const get = new Script(
  'getting a message',
  `${openedQueue}
  local count = call('LLEN', items)
  if count == 0 then
    if ended then
      ring(bell, waiting)
      return { 0, 'ended' }
    end
    if args[2] == '1' then expect(waiting) end
    return { 0, 'empty' }
  end
  local result = { 1 }
  for i = 1, math.min(count, tonumber(args[3])) do result[i + 1] = call('LPOP', items) end
  ring(room, roomwaiting)
  if count > #result - 1 then ring(bell, waiting) end
  return result
`,
  true,
);

const unget = new Script(
  'giving messages back',
  `${openedQueue}
  for i = #args, 2, -1 do call('LPUSH', items, args[i]) end
  ring(bell, waiting)
  return { 1 }
`,
  true,
);

const look = new Script('looking at a queue', `local args = ARGV ${openedQueue} return { 1, call('LLEN', items) }`);

const end = new Script(
  'ending a queue',
  `${openedQueue}
  call('HSET', state, 'ended', '1')
  ring(bell, waiting)
  ring(room, roomwaiting)
  return { 1 }
`,
  true,
);

const reset = new Script('opening a queue anew', `${openedQueue} call('HDEL', state, 'ended') return { 1 }`, true);

/** Common part of all queues of a Redis context. */
export abstract class RedisQueueBase<T = unknown> extends RedisObject {
  /** @internal */
  protected readonly bell: Bell;
  readonly #room: Bell;
  readonly #maxsize: number;
  /** The last put of a bounded queue that has begun: puts of this object come in their order. */
  #lastPut: Promise<void> = Promise.resolve();

  /** @internal */
  constructor(link: Link, kind: string, maxsize: unknown, options: NameOptions | undefined) {
    if (!Number.isInteger(maxsize) || (maxsize as number) > 2 ** 31 - 1) {
      throw new TypeError(`Expected "maxsize" to be an integer below 2^31, got ${describe(maxsize)}`);
    }
    super(link, kind, options);
    this.#maxsize = Math.max(maxsize as number, 0);
    this.bell = new Bell(link, this.key('bell'), this.key('waiting'));
    this.#room = new Bell(link, this.key('room'), this.key('roomwaiting'));
  }

  /**
   * Puts a message. With `maxsize` 0 it never waits for a reader; else it waits for room.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: no limit
   * @throws TypeError for `undefined`, and for what cannot travel to another machine, naming its path
   * @throws Full when the time has passed, or the server has no memory left
   * @throws ClosedError after `close()` or `end()`
   */
  async put(item: T, wait?: Wait): Promise<void> {
    const parsed = parseWait(wait);
    const bytes = this.#encode(item);
    if ((await this.#put([bytes], parsed)) === 0) throw new Full(`The queue '${this.name}' is full`);
  }

  /** Throws: an answer of Redis needs the event loop. */
  putSync(_item: T, _wait?: Wait): never {
    throw noSync('putSync()', 'put()');
  }

  /** @internal Takes and decodes messages; `undefined` when the deadline has come. */
  protected async getItems(max: number, parsed: ParsedWait): Promise<T[] | undefined> {
    parsed.signal?.throwIfAborted();
    const mayWait = parsed.deadline > 0 ? 1 : 0;
    const back = (items: readonly unknown[]) => void this.runScript(unget, items as Buffer[]).catch(() => undefined);
    const items = await waitOn(
      this.bell,
      parsed,
      async (patient): Promise<Tried<Buffer[]>> => {
        const late = (reply: unknown) => (reply as unknown[])[0] === 1 && back((reply as unknown[]).slice(1));
        const [got, ...rest] = await this.runScript(get, [mayWait, max], { patient, late });
        if (this.isClosed) {
          if (got === 1) back(rest);
          throw this.closedError();
        }
        if (got === 1) return { done: rest as Buffer[] };
        if (String(rest[0]) === 'ended') throw this.endedError();
        return {};
      },
      back,
    );
    return items?.map((item) => decode(item) as T);
  }

  /** Returns the number of messages that wait. */
  async qsize(): Promise<number> {
    return Number((await this.runScript(look, []))[1]);
  }

  /** Whether no message waits now; another program may change that at once. */
  async empty(): Promise<boolean> {
    return (await this.qsize()) === 0;
  }

  /** Returns at once: there is no thread to join. @throws ValueError before `close()` */
  joinThread(): void {
    if (!this.isClosed) throw new ValueError('joinThread() is for after close()');
  }

  /** Does nothing: no thread keeps the process from ending. */
  cancelJoinThread(): void {}

  /** @internal */
  protected async isFull(): Promise<boolean> {
    return this.#maxsize !== 0 && (await this.qsize()) >= this.#maxsize;
  }

  /** @internal Puts encoded messages; returns how many. */
  protected async putItems(items: readonly unknown[], parsed: ParsedWait): Promise<number> {
    return this.#put(
      items.map((item) => this.#encode(item as T)),
      parsed,
    );
  }

  /** @internal */
  protected async endQueue(): Promise<void> {
    await this.runScript(end, []);
  }

  /** @internal */
  protected async resetQueue(): Promise<void> {
    await this.runScript(reset, []);
  }

  /** @internal The script that puts; JoinableQueue has another one. */
  protected get putScript(): Script {
    return put;
  }

  /** @internal Keys and first arguments of the scripts. */
  protected get parts(): readonly string[] {
    return queueParts;
  }

  /** @internal */
  protected get settings(): readonly Argument[] {
    return [this.#maxsize];
  }

  /** @internal */
  protected async runScript(script: Script, args: readonly Argument[], options?: RunOptions): Promise<unknown[]> {
    this.checkOpen();
    const keys = ['ops', ...this.parts].map((part) => this.key(part));
    const reply = (await this.link.run(script, keys, [...this.settings, ...args], options)) as unknown[];
    const option = String(reply[1]);
    if (reply[0] !== 0 || !['maxsize', 'options'].includes(option)) return reply;
    throw new MultiprocError(
      `The ${this.kind} '${this.name}' exists with other options (${option}: ${reply[2]}): give the same, or unlink() it`,
      { code: 'ERR_MULTIPROC_KIND' },
    );
  }

  /** @internal */
  protected endedError(): EOFError {
    return new EOFError(`The queue '${this.name}' has ended, and all its messages are taken`);
  }

  /** @internal */
  protected override closing(error: ClosedError): void {
    this.bell.close(error);
    this.#room.close(error);
  }

  #encode(item: T): Buffer {
    if (item === undefined) throw new TypeError('Expected a message, got undefined: get() could not tell it from none');
    return encode(item, 'item');
  }

  async #put(items: readonly Buffer[], parsed: ParsedWait): Promise<number> {
    this.checkOpen();
    parsed.signal?.throwIfAborted();
    if (this.#maxsize === 0) return this.#putNow(items, parsed);
    const before = this.#lastPut;
    let finish: () => void = () => {};
    this.#lastPut = new Promise((resolve) => {
      finish = resolve;
    });
    if (!(await settlesInTime(before, parsed))) {
      void before.then(finish);
      parsed.signal?.throwIfAborted();
      return 0;
    }
    try {
      return await this.#putNow(items, parsed);
    } finally {
      finish();
    }
  }

  async #putNow(items: readonly Buffer[], parsed: ParsedWait): Promise<number> {
    const mayWait = parsed.deadline > 0 ? 1 : 0;
    let count = 0;
    await waitOn(this.#room, parsed, async (patient): Promise<Tried<true>> => {
      const reply = await this.runScript(this.putScript, [mayWait, ...items.slice(count)], { patient });
      if (this.isClosed) throw this.closedError();
      if (reply[0] === 1) count += Number(reply[1]);
      else if (String(reply[1]) === 'ended') throw new Closed(`The queue '${this.name}' has ended: nothing can be put`);
      return count === items.length ? { done: true } : {};
    });
    return count;
  }
}

/** A queue of messages, each of which goes to one reader. With `maxsize` messages in it, `put` waits. */
export class RedisQueue<T = unknown> extends RedisQueueBase<T> {
  /** @internal */
  constructor(link: Link, kind: string, maxsize: number, options: NameOptions | undefined) {
    if (kind === 'Queue') nameOptions.check(options, kind);
    super(link, kind, maxsize, options);
  }

  /** Puts a message if there is room; returns `false` without room. */
  async tryPut(item: T): Promise<boolean> {
    return (await this.putItems([item], parseWait(0))) === 1;
  }

  /** As {@link tryPut}, but throws `Full`. */
  async putNoWait(item: T): Promise<void> {
    return this.put(item, 0);
  }

  /**
   * Puts messages in their order. When it fails, `error.count` messages were put.
   */
  async putMany(items: Iterable<T>, wait?: Wait): Promise<void> {
    const all = [...items];
    const count = await this.putItems(all, parseWait(wait));
    if (count < all.length) throw Object.assign(new Full(`The queue '${this.name}' is full`), { count });
  }

  /** Throws: an answer of Redis needs the event loop. */
  putManySync(_items: Iterable<T>, _wait?: Wait): never {
    throw noSync('putManySync()', 'putMany()');
  }

  /**
   * Takes the oldest message.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: no limit
   * @throws Empty when the time has passed
   * @throws EOFError when nothing is left after `end()`
   * @throws ClosedError after `close()`
   */
  async get(wait?: Wait): Promise<T> {
    const items = await this.getItems(1, parseWait(wait));
    if (items === undefined) throw new Empty(`The queue '${this.name}' is empty`);
    return items[0] as T;
  }

  /** Throws: an answer of Redis needs the event loop. */
  getSync(_wait?: Wait): never {
    throw noSync('getSync()', 'get()');
  }

  /** Takes the oldest message; returns `undefined` if the queue is empty. */
  async tryGet(): Promise<T | undefined> {
    return (await this.getItems(1, parseWait(0)))?.[0];
  }

  /** As {@link tryGet}, but throws `Empty`. */
  async getNoWait(): Promise<T> {
    return this.get(0);
  }

  /**
   * Waits for a message, and takes all that are there, at most `max`.
   *
   * @returns 1 … `max` messages; none when the time has passed
   */
  async getMany(max: number, wait?: Wait): Promise<T[]> {
    if (!Number.isSafeInteger(max) || max < 1) {
      throw new ValueError(`Expected "max" to be a positive integer, got ${describe(max)}`);
    }
    return (await this.getItems(max, parseWait(wait))) ?? [];
  }

  /** Throws: an answer of Redis needs the event loop. */
  getManySync(_max: number, _wait?: Wait): never {
    throw noSync('getManySync()', 'getMany()');
  }

  /** Whether `maxsize` messages are there; with `maxsize` 0 always `false`. */
  async full(): Promise<boolean> {
    return this.isFull();
  }

  /**
   * Ends the queue for all programs: nothing can be put; readers get what is there, then `get` throws `EOFError` and `for await` ends.
   * Idempotent.
   */
  async end(): Promise<void> {
    return this.endQueue();
  }

  /** Opens the queue anew after {@link end}, for all programs. */
  async reset(): Promise<void> {
    return this.resetQueue();
  }

  /** Gets message after message, until the queue has ended. Any number of loops share the messages. */
  [Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    return untilEnded(() => this.get());
  }
}

/** A queue that has only `put`, `get` and `empty`. */
export class RedisSimpleQueue<T = unknown> extends RedisQueueBase<T> {
  /** @internal */
  constructor(link: Link, kind: string, options: NameOptions | undefined) {
    nameOptions.check(options, kind);
    super(link, kind, 0, options);
  }

  /** Takes the oldest message; waits for one. */
  async get(wait?: Wait): Promise<T> {
    const items = await this.getItems(1, parseWait(wait));
    if (items === undefined) throw new Empty(`The queue '${this.name}' is empty`);
    return items[0] as T;
  }

  /** Throws: an answer of Redis needs the event loop. */
  getSync(): never {
    throw noSync('getSync()', 'get()');
  }
}

/** Whether the promise settles before the deadline and before the signal fires. */
async function settlesInTime(promise: Promise<void>, { deadline, signal }: ParsedWait): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  let end: (() => void) | undefined;
  try {
    return await Promise.race([
      promise.then(() => true),
      new Promise<boolean>((resolve) => {
        end = () => resolve(false);
        // A put that must not wait comes after those that were sent before it, which are answered soon.
        if (deadline !== Infinity) timer = setTimeout(end, timerMs(deadline - now()));
        signal?.addEventListener('abort', end);
      }),
    ]);
  } finally {
    clearTimeout(timer);
    if (end !== undefined) signal?.removeEventListener('abort', end);
  }
}
