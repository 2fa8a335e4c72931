/** JoinableQueue on a Redis server: a queue that knows which messages are dealt with, and delivers the others again. */

import { now, parseWait, type Wait } from '../deadline.js';
import { type ClosedError, Empty, LeaseExpiredError, TimeoutError, ValueError } from '../errors.js';
import { untilEnded } from '../messaging/until-ended.js';
import { describe } from '../options/describe.js';
import { boolean, positiveInteger } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { objectName } from '../shared/block.js';
import { clearInterval, setInterval } from '../timing.js';
import { Broadcast, recheckMs } from './bell.js';
import { noSync } from './errors.js';
import type { Link } from './link.js';
import { openedQueue, queueParts, RedisQueue } from './queue.js';
import type { Argument } from './script.js';
import { Script } from './script.js';
import { decode, encode } from './values.js';
import { type Tried, waitOn } from './wait.js';

/** Options of a joinable queue of a Redis context; all programs with the name give the same. */
export interface RedisJoinableQueueOptions {
  /** The queue's name. */
  name: string;
  /**
   * Messages that a consumer took and did not acknowledge before it died are delivered again; by default they count as
   * done.
   */
  redeliver?: boolean | undefined;
  /** Upper bound on deliveries of a message; then it becomes a dead letter. Implies `redeliver`. */
  maxAttempts?: number | undefined;
  /** Milliseconds for which a consumer has a message, though it lives; `extend()` begins them anew. Implies `redeliver`. */
  lease?: number | undefined;
}

const joinableOptions = new OptionTable<RedisJoinableQueueOptions>({
  name: objectName,
  redeliver: boolean,
  maxAttempts: positiveInteger,
  lease: positiveInteger,
});

// `messages` has, for each id, the bytes, and under id:a its attempts, id:o its consumer, id:r the reason of its death.
const opened = `${openedQueue}
  local messages, open, delayed, dead, news = KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
  local redeliver, most, lease = args[2] == '1', tonumber(args[3]), tonumber(args[4])
  local holdms = lease > 0 and lease or tonumber(args[5])
  local rules = 'redeliver ' .. args[2] .. ', maxAttempts ' .. args[3] .. ', lease ' .. args[4]
  local known = call('HGET', state, 'rules')
  if not known then call('HSET', state, 'rules', rules)
  elseif known ~= rules then return { 0, 'options', known } end
  local time = now()
  local function settled()
    if call('HINCRBY', state, 'unfinished', -1) == 0 then
      call('XADD', news, 'MAXLEN', 1, call('HINCRBY', state, 'joined', 1) .. '-0', 's', '1')
    end
    if ended then ring(bell, waiting) end
  end
  local function finish(id)
    call('HDEL', messages, id, id .. ':a', id .. ':o', id .. ':r')
    settled()
  end
  local function bury(id, reason)
    call('RPUSH', dead, id)
    call('HSET', messages, id .. ':r', reason)
    settled()
  end
  local function offer(id)
    call('RPUSH', items, id)
    ring(bell, waiting)
  end
  local function worn(id)
    return most > 0 and tonumber(call('HGET', messages, id .. ':a')) >= most
  end
  local function reap()
    for _, id in ipairs(call('ZRANGEBYSCORE', open, '-inf', time, 'LIMIT', 0, 100)) do
      call('ZREM', open, id)
      call('HDEL', messages, id .. ':o')
      if not redeliver then finish(id) elseif worn(id) then bury(id, lease > 0 and '!lease' or '!died') else offer(id) end
    end
    for _, id in ipairs(call('ZRANGEBYSCORE', delayed, '-inf', time, 'LIMIT', 0, 100)) do
      call('ZREM', delayed, id)
      offer(id)
    end
  end
  local function wakeafter()
    local ms = ${recheckMs}
    for _, set in ipairs({ open, delayed }) do
      local first = call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
      if first then ms = math.max(math.min(ms, first - time + 1), 1) end
    end
    return ms
  end
`;

const put = new Script(
  'putting a message',
  `${opened}
  if ended then
    ring(room, roomwaiting)
    return { 0, 'ended' }
  end
  local all = #args - 6
  local left = maxsize == 0 and all or maxsize - call('LLEN', items)
  if left <= 0 then
    if args[6] == '1' then expect(roomwaiting) end
    return { 0, 'full' }
  end
  local count = math.min(left, all)
  for i = 1, count do
    local id = call('HINCRBY', state, 'next', 1)
    call('HSET', messages, id, args[6 + i])
    call('RPUSH', items, id)
  end
  call('HINCRBY', state, 'unfinished', count)
  ring(bell, waiting)
  if left > count then ring(room, roomwaiting) end
  return { 1, count }
`,
  true,
);

const take = new Script(
  'taking a message',
  `${opened}
  reap()
  local owner = args[6]
  local result = { 1 }
  for _ = 1, tonumber(args[7]) do
    local id = call('LPOP', items)
    if not id then break end
    call('ZADD', open, time + holdms, id)
    call('HSET', messages, id .. ':o', owner)
    result[#result + 1] = id
    result[#result + 1] = call('HINCRBY', messages, id .. ':a', 1)
    result[#result + 1] = call('HGET', messages, id)
  end
  if #result > 1 then
    ring(room, roomwaiting)
    if call('LLEN', items) > 0 then ring(bell, waiting) end
    return result
  end
  if ended then
    local others = call('ZCARD', delayed) > 0
    for _, id in ipairs(call('ZRANGE', open, 0, 999)) do
      others = others or call('HGET', messages, id .. ':o') ~= owner
    end
    if not others then
      ring(bell, waiting)
      return { 0, 'ended' }
    end
  end
  if args[8] == '1' then expect(waiting) end
  return { 0, 'empty', wakeafter() }
`,
  true,
);

const settle = new Script(
  'settling a message',
  `${opened}
  reap()
  local owner, form, id, extra = args[6], args[7], args[8], args[9]
  if call('HGET', messages, id .. ':o') ~= owner then return { 0, 'lost' } end
  if form == 'extend' then
    call('ZADD', open, time + extra, id)
    return { 1 }
  end
  call('ZREM', open, id)
  call('HDEL', messages, id .. ':o')
  if form == 'done' then finish(id)
  elseif form == 'fail' then bury(id, extra)
  elseif worn(id) then bury(id, '!back')
  elseif tonumber(extra) > 0 then call('ZADD', delayed, time + extra, id)
  else offer(id) end
  return { 1 }
`,
  true,
);

const renew = new Script(
  'renewing messages',
  `
  for i = 3, #ARGV do
    local id = ARGV[i]
    if call('HGET', KEYS[2], id .. ':o') == ARGV[1] then call('ZADD', KEYS[1], 'XX', now() + ARGV[2], id) end
  end
`,
);

const unfinished = new Script(
  'looking at what is unfinished',
  `${opened}
  reap()
  local h = call('HMGET', state, 'unfinished', 'joined')
  return { 0, tonumber(h[1] or 0), tonumber(h[2] or 0), wakeafter() }
`,
  true,
);

const listDead = new Script(
  'listing dead letters',
  `${opened}
  reap()
  local result = { 0 }
  for _, id in ipairs(call('LRANGE', dead, 0, -1)) do
    local h = call('HMGET', messages, id, id .. ':a', id .. ':r')
    for _, each in ipairs({ id, h[1], h[2] or '0', h[3] or '' }) do result[#result + 1] = each end
  end
  return result
`,
  true,
);

const revive = new Script(
  'dealing with a dead letter',
  `${opened}
  local id = args[6]
  if call('LREM', dead, 1, id) == 0 then return { 0 } end
  call('HDEL', messages, id .. ':a', id .. ':r')
  if args[7] == 'discard' then
    call('HDEL', messages, id)
    return { 1 }
  end
  call('HINCRBY', state, 'unfinished', 1)
  offer(id)
  return { 1 }
`,
  true,
);

/** The part of its queue that a taken message uses. */
interface Settling {
  settle(message: RedisTakenMessage, form: string, extra?: Argument): Promise<void>;
  readonly lease: number;
}

/** A message that `take()` gave: open until it is acknowledged, given back or given up. */
export class RedisTakenMessage<T = unknown> {
  readonly #queue: Settling;
  readonly #bytes: Buffer;
  #value: { readonly decoded: T } | undefined;
  /** Whether it was acknowledged, given back or given up here. A lease may have ended before. */
  settled = false;

  /** @internal */
  constructor(
    queue: Settling,
    /** @internal */
    readonly id: string,
    /** Number of deliveries of the message, this one included. */
    readonly attempts: number,
    bytes: Buffer,
  ) {
    this.#queue = queue;
    this.#bytes = bytes;
  }

  /** The value that was put; the same each time. @throws what decoding it throws; the message is open all the same */
  get value(): T {
    this.#value ??= { decoded: decode(this.#bytes) as T };
    return this.#value.decoded;
  }

  /**
   * Acknowledges the message: it is dealt with.
   *
   * @throws LeaseExpiredError `ERR_MULTIPROC_LEASE` if its lease has ended; ValueError if it was settled already
   */
  async done(): Promise<void> {
    await this.#settle('done');
  }

  /** Gives the message back: it goes behind those that wait now, after `delay` ms at the soonest. */
  async retry(options?: { readonly delay?: number | undefined }): Promise<void> {
    const delay = options?.delay ?? 0;
    if (!Number.isSafeInteger(delay) || delay < 0) {
      const error = typeof delay === 'number' ? RangeError : TypeError;
      throw new error(`Expected "delay" to be a non-negative integer of milliseconds, got ${describe(delay)}`);
    }
    await this.#settle('retry', delay);
  }

  /** Gives the message up: it becomes a dead letter. @param reason an error, a string, any value that can travel */
  async fail(reason?: unknown): Promise<void> {
    await this.#settle('fail', reason === undefined ? '' : encode(reason, 'reason'));
  }

  /** Begins the lease anew. @throws ValueError if the queue has no lease */
  async extend(lease: number = this.#queue.lease): Promise<void> {
    if (this.#queue.lease === 0) {
      throw new ValueError('The queue was made without a "lease": there is nothing to extend');
    }
    if (!Number.isSafeInteger(lease) || lease <= 0) {
      throw new RangeError(`Expected "lease" to be a positive integer of milliseconds, got ${describe(lease)}`);
    }
    this.#checkOpen();
    await this.#queue.settle(this as RedisTakenMessage, 'extend', lease);
  }

  /** Gives the message back if it is open still. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.settled) await this.retry().catch(() => undefined);
  }

  async #settle(form: string, extra: Argument = ''): Promise<void> {
    this.#checkOpen();
    this.settled = true;
    await this.#queue.settle(this as RedisTakenMessage, form, extra);
  }

  #checkOpen(): void {
    if (this.settled) throw new ValueError('The message was settled already: done(), retry() or fail() is called once');
  }
}

/** A message that was given up, or delivered `maxAttempts` times. */
export interface RedisDeadLetter<T = unknown> {
  /** The message. */
  readonly value: T;
  /** Number of its deliveries. */
  readonly attempts: number;
  /** Argument of `fail(reason)`. */
  readonly reason: unknown;
  /** Puts the message again, with no attempts. `false` if another program has dealt with it. */
  retry(): Promise<boolean>;
  /** Removes the message. `false` if another program has dealt with it. */
  discard(): Promise<boolean>;
}

/**
 * A queue whose consumers acknowledge what they have dealt with. A consumer that dies, or is stopped for longer than the lease of `connect`,
 * loses its messages: they count as done, or with `redeliver` are delivered again.
 */
export class RedisJoinableQueue<T = unknown> extends RedisQueue<T> {
  readonly #owner: string;
  readonly #news: Broadcast;
  readonly #rules: readonly Argument[];
  readonly #session: number;
  readonly #open = new Map<string, RedisTakenMessage>();
  /** Messages that `get` took, the oldest first, for `taskDone`. */
  readonly #got: RedisTakenMessage<T>[] = [];
  #renewing: NodeJS.Timeout | undefined;
  readonly #settling: Settling;

  /** @internal */
  constructor(
    link: Link,
    kind: string,
    maxsize: number,
    options: RedisJoinableQueueOptions | undefined,
    session: number,
  ) {
    joinableOptions.check(options, kind);
    const { redeliver, maxAttempts, lease } = options ?? {};
    const implied = maxAttempts !== undefined || lease !== undefined;
    if (implied && redeliver === false) {
      throw new TypeError('"maxAttempts" and "lease" are for queues that deliver again: leave "redeliver: false" out');
    }
    super(link, kind, maxsize, options === undefined ? options : { name: options.name });
    this.#owner = link.id();
    this.#news = new Broadcast(link, this.key('news'));
    this.#session = session;
    this.#rules = [(redeliver ?? implied) ? '1' : '0', maxAttempts ?? 0, lease ?? 0, session];
    this.#settling = { lease: lease ?? 0, settle: (message, form, extra = '') => this.#settle(message, form, extra) };
  }

  /**
   * Takes the oldest message, which this object has open until it is settled. Any number may be open at a time.
   *
   * @throws Empty when the time has passed
   * @throws EOFError after `end()`, when no message waits, is delayed, or is open elsewhere
   */
  async take(wait?: Wait): Promise<RedisTakenMessage<T>> {
    const [message] = await this.#take(1, wait);
    if (message === undefined) throw new Empty(`The queue '${this.name}' is empty`);
    return message;
  }

  /** Throws: an answer of Redis needs the event loop. */
  takeSync(_wait?: Wait): never {
    throw noSync('takeSync()', 'take()');
  }

  /** Takes the oldest message; returns `undefined` if the queue is empty. */
  async tryTake(): Promise<RedisTakenMessage<T> | undefined> {
    return (await this.#take(1, 0))[0];
  }

  /** Waits for a message, and takes all that are there, at most `max`; none when the time has passed. */
  async takeMany(max: number, wait?: Wait): Promise<RedisTakenMessage<T>[]> {
    positiveInteger.check(max, 'max');
    return this.#take(max, wait);
  }

  /** Throws: an answer of Redis needs the event loop. */
  takeManySync(_max: number, _wait?: Wait): never {
    throw noSync('takeManySync()', 'takeMany()');
  }

  /** Takes message after message, until the queue has ended. */
  messages(): AsyncGenerator<RedisTakenMessage<T>, void, undefined> {
    return untilEnded(() => this.take());
  }

  /**
   * Says that a message that `get` took here has been dealt with.
   *
   * @param value what `get` returned, where several are open
   * @throws ValueError if none is open here, or several are with `redeliver`, and no value says which
   */
  async taskDone(value?: T): Promise<void> {
    this.checkOpen();
    const at = value === undefined ? 0 : this.#got.findIndex((message) => message.value === value);
    if (value === undefined && this.#got.length > 1 && this.#rules[0] === '1') {
      throw new ValueError(
        `${this.#got.length} messages that get() took are open here, and taskDone() does not guess which one is done: ` +
          'name it, taskDone(value), or use take(), whose messages have done()',
      );
    }
    const [message] = at < 0 ? [] : this.#got.splice(at, 1);
    if (message === undefined) {
      throw new ValueError('taskDone() was called more often than get() took messages here');
    }
    await message.done();
  }

  /**
   * Waits until every message that was put is acknowledged, or went with a consumer that died.
   *
   * @throws TimeoutError when the time has passed
   */
  async join(wait?: Wait): Promise<void> {
    const parsed = parseWait(wait);
    this.checkOpen();
    parsed.signal?.throwIfAborted();
    const joined = await waitOn(this.#news, parsed, async (patient): Promise<Tried<true>> => {
      const [, left, seen, recheck] = await this.runScript(unfinished, [], { patient });
      if (this.isClosed) throw this.closedError();
      return left === 0 ? { done: true } : { seen: Number(seen), recheck: Number(recheck) };
    });
    if (joined === undefined) throw new TimeoutError('Messages are not acknowledged yet');
  }

  /** Throws: an answer of Redis needs the event loop. */
  joinSync(_wait?: Wait): never {
    throw noSync('joinSync()', 'join()');
  }

  /** The dead letters, the oldest first. They count as done. */
  async deadLetters(): Promise<RedisDeadLetter<T>[]> {
    const [, ...fields] = (await this.runScript(listDead, [])) as Buffer[];
    const letters: RedisDeadLetter<T>[] = [];
    for (let i = 0; i < fields.length; i += 4) {
      const [id, value, attempts, reason] = fields.slice(i, i + 4) as [Buffer, Buffer, Buffer, Buffer];
      const deal = async (how: string) => (await this.runScript(revive, [String(id), how]))[0] === 1;
      letters.push({
        value: decode(value) as T,
        attempts: Number(attempts),
        reason: reasonOf(reason),
        retry: () => deal('retry'),
        discard: () => deal('discard'),
      });
    }
    return letters;
  }

  /** @internal */
  protected override get putScript(): Script {
    return put;
  }

  /** @internal */
  protected override get parts(): readonly string[] {
    return [...queueParts, 'messages', 'open', 'delayed', 'dead', 'news'];
  }

  /** @internal */
  protected override get settings(): readonly Argument[] {
    return [...super.settings, ...this.#rules];
  }

  /** @internal */
  protected override async getItems(max: number, parsed: ReturnType<typeof parseWait>): Promise<T[] | undefined> {
    const left = parsed.deadline === Infinity ? undefined : Math.max(Math.ceil(parsed.deadline - now()), 0);
    const messages = await this.#take(max, { timeout: left, signal: parsed.signal });
    this.#got.push(...messages);
    return messages.length === 0 ? undefined : messages.map((message) => message.value);
  }

  /** @internal */
  protected override closing(error: ClosedError): void {
    clearInterval(this.#renewing);
    this.#news.close(error);
    super.closing(error);
  }

  /** @internal Gives back what is open here, before the connections end. */
  protected override async leave(): Promise<void> {
    if (this.#rules[0] === '1') {
      await Promise.all([...this.#open.values()].map((message) => message.retry().catch(() => undefined)));
    }
    this.close();
  }

  async #take(max: number, wait: Wait): Promise<RedisTakenMessage<T>[]> {
    const parsed = parseWait(wait);
    this.checkOpen();
    parsed.signal?.throwIfAborted();
    const mayWait = parsed.deadline > 0 ? 1 : 0;
    const messagesOf = (fields: readonly unknown[]) => {
      const messages: RedisTakenMessage<T>[] = [];
      for (let i = 0; i < fields.length; i += 3) {
        const [id, attempts, bytes] = fields.slice(i, i + 3) as [Buffer, number, Buffer];
        messages.push(new RedisTakenMessage<T>(this.#settling, String(id), Number(attempts), bytes));
      }
      return messages;
    };
    const back = (messages: RedisTakenMessage<T>[]) => {
      for (const message of messages) void message.retry().catch(() => undefined);
    };
    const taken = await waitOn(
      this.bell,
      parsed,
      async (patient): Promise<Tried<RedisTakenMessage<T>[]>> => {
        const [got, ...rest] = await this.runScript(take, [this.#owner, max, mayWait], {
          patient,
          late: (reply) => (reply as unknown[])[0] === 1 && back(messagesOf((reply as unknown[]).slice(1))),
        });
        if (this.isClosed) throw this.closedError();
        if (got === 1) return { done: messagesOf(rest) };
        if (String(rest[0]) === 'ended') throw this.endedError();
        return { recheck: Number(rest[1]) };
      },
      back,
    );
    for (const message of taken ?? []) this.#open.set(message.id, message as RedisTakenMessage);
    if (this.#open.size > 0 && this.#settling.lease === 0) this.#renew();
    return taken ?? [];
  }

  /** Renews what is open here, three times in a lease. */
  #renew(): void {
    if (this.#renewing !== undefined) return;
    const keys = [this.key('open'), this.key('messages')];
    this.#renewing = setInterval(
      () => {
        if (this.#open.size === 0) return;
        void this.link.run(renew, keys, [this.#owner, this.#session, ...this.#open.keys()]).catch(() => undefined);
      },
      Math.max(Math.floor(this.#session / 3), 1),
    );
    this.#renewing.unref();
  }

  async #settle(message: RedisTakenMessage, form: string, extra: Argument): Promise<void> {
    if (form !== 'extend') this.#open.delete(message.id);
    const [settled] = await this.runScript(settle, [this.#owner, form, message.id, extra]);
    if (settled === 1) return;
    throw new LeaseExpiredError(
      'The lease of the message has ended, and it is offered to others: finish sooner, call extend() meanwhile, or give a ' +
        'longer "lease"',
    );
  }
}

/** Reasons that a script gives; those of consumers are encoded values, which never begin so. */
const reasons: Readonly<Record<string, string>> = {
  '!back': 'its consumer gave it back',
  '!died': 'its consumer died or ended',
  '!lease': 'its lease ended',
};

function reasonOf(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  return reasons[String(bytes)] ?? decode(bytes);
}
