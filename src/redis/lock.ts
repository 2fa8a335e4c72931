/** Lock on a Redis server: mutual exclusion between programs of any machine, by a lease that its holder renews. */
import { parseWait, type Wait } from '../deadline.js';
import { type ClosedError, LeaseExpiredError, ValueError } from '../errors.js';
import { positiveInteger } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { objectName } from '../shared/block.js';
import { checkFunction, timedOut } from '../sync/lock.js';
import { clearInterval, setInterval } from '../timing.js';
import { Bell, recheckMs } from './bell.js';
import { noSync } from './errors.js';
import type { Link } from './link.js';
import { RedisObject } from './object.js';
import { Script } from './script.js';
import { type Tried, waitOn } from './wait.js';

/** Options of a lock of a Redis context. */
export interface RedisLockOptions {
  /** The lock's name. */
  name: string;
  /** Milliseconds after which a lock that is renewed no more is another's. Default: that of `connect`. */
  lease?: number | undefined;
}

const lockOptions = new OptionTable<RedisLockOptions>({ name: objectName, lease: positiveInteger });

/** A lock that is held until {@link release}. */
export interface RedisHold {
  /** A former holder's lease ran out while it held the lock: what the lock protects may be half-changed. */
  readonly ownerDied: boolean;
  /** The fencing token: greater than that of every earlier holder. */
  readonly token: number;
  /** Fires when the lease ran out and another one took the lock. */
  readonly signal: AbortSignal;
  /**
   * Gives it back. A second call does nothing.
   *
   * @throws LeaseExpiredError if the lease ran out and another one took the lock
   */
  release(): Promise<void>;
  /** As {@link release}. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Time in ms for which a free lock keeps its token. */
const keepMs = 24 * 3_600_000;

// The token is also the server's time in microseconds, so that it grows when the lock, or all data, was removed meanwhile.
const take = new Script(
  'taking a lock',
  `
  local h = call('HMGET', KEYS[1], 'owner', 'until', 'token', 'died')
  if h[1] == ARGV[1] then return { 1, h[3], h[4] } end
  local t = now()
  local ends = tonumber(h[2] or 0)
  if h[1] and ends > t then
    if ARGV[3] == '1' then expect(KEYS[2]) end
    return { 0, ends - t }
  end
  local died = (h[1] or h[4] == '1') and '1' or '0'
  local time = call('TIME')
  local token = string.format('%.0f', math.max(tonumber(h[3] or 0) + 1, time[1] * 1000000 + time[2]))
  call('HSET', KEYS[1], 'owner', ARGV[1], 'until', t + ARGV[2], 'token', token, 'died', died)
  call('PERSIST', KEYS[1])
  return { 1, token, died }
`,
);

const renew = new Script(
  'renewing a lock',
  `
  if call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
  call('HSET', KEYS[1], 'until', now() + ARGV[2])
  return 1
`,
);

const giveBack = new Script(
  'releasing a lock',
  `
  local h = call('HMGET', KEYS[1], 'owner', 'last', 'died')
  if h[1] == ARGV[1] then
    call('HDEL', KEYS[1], 'owner', 'until')
    call('HSET', KEYS[1], 'last', ARGV[1])
    if h[3] ~= '1' then call('PEXPIRE', KEYS[1], ${keepMs}) end
    ring(KEYS[2], KEYS[3])
    return 1
  end
  return h[2] == ARGV[1] and 1 or 0
`,
);

const isTaken = new Script(
  'looking at a lock',
  `
  local h = call('HMGET', KEYS[1], 'owner', 'until')
  return (h[1] and tonumber(h[2]) > now()) and 1 or 0
`,
);

const markRight = new Script(
  'marking a lock consistent',
  `
  if call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return 0 end
  call('HSET', KEYS[1], 'died', '0')
  return 1
`,
);

/** One acquisition: its lease is renewed until it is given back, or lost. */
export class Holding {
  readonly #lost = new AbortController();
  readonly #watchdog: NodeJS.Timeout;
  ended = false;

  constructor(
    readonly owner: string,
    readonly token: number,
    public ownerDied: boolean,
    lease: number,
    renewed: () => Promise<boolean>,
    lost: () => Error,
  ) {
    this.#watchdog = setInterval(
      () => {
        renewed().then(
          (isOurs) => {
            if (isOurs || this.ended) return;
            this.end();
            this.#lost.abort(lost());
          },
          // The next renewal may reach the server.
          () => undefined,
        );
      },
      Math.max(Math.floor(lease / 3), 1),
    );
    this.#watchdog.unref();
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  /** Ends the renewing. */
  end(): void {
    this.ended = true;
    clearInterval(this.#watchdog);
  }
}

/**
 * A lock that one holder on any machine has at a time. Its lease is renewed while the holder's program runs; when the program dies, or is
 * stopped for longer, the next `acquire` succeeds with {@link ownerDied} set. A holder that was only stopped does not know that:
 * give {@link token} to what the lock protects, which refuses a token lower than it has seen.
 */
export class RedisLock extends RedisObject {
  /** @internal */
  protected readonly bell: Bell;
  /** @internal */
  protected held: Holding | undefined;
  readonly #lease: number;
  readonly #holdings = new Set<Holding>();

  /** @internal */
  constructor(link: Link, kind: string, options: RedisLockOptions | undefined, lease: number) {
    lockOptions.check(options, kind);
    super(link, kind, options);
    this.#lease = options?.lease ?? lease;
    this.bell = new Bell(link, this.key('bell'), this.key('waiting'));
  }

  /**
   * Takes the lock.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: no limit
   * @returns `false` if the time passed; rejects with the signal's reason
   */
  async acquire(wait?: Wait): Promise<boolean> {
    const holding = await this.take(wait);
    if (holding !== undefined) this.held = holding;
    return holding !== undefined;
  }

  /** Throws: an answer of Redis needs the event loop. */
  acquireSync(_wait?: Wait): never {
    throw noSync('acquireSync()', 'acquire()');
  }

  /** Takes the lock if it is free. */
  async tryAcquire(): Promise<boolean> {
    return this.acquire(0);
  }

  /**
   * Releases the lock, which this object took.
   *
   * @throws ValueError if this object does not hold it: of a lock on a server only the holder may
   * @throws LeaseExpiredError if the lease ran out and another one took the lock
   */
  async release(): Promise<void> {
    const holding = this.held;
    if (holding === undefined) {
      this.checkOpen();
      throw new ValueError(`The ${this.kind} '${this.name}' is released too many times: this object does not hold it`);
    }
    this.held = undefined;
    await this.giveBack(holding);
  }

  /** Whether the lock is held now, and its lease has not run out. */
  async locked(): Promise<boolean> {
    this.checkOpen();
    return (await this.link.run(isTaken, [this.key('state')], [])) === 1;
  }

  /**
   * Whether a former holder's lease ran out while it held the lock, as of the last acquisition by this object. Stays so for every
   * holder until {@link markConsistent}: what the lock protects may be half-changed.
   */
  get ownerDied(): boolean {
    return this.held?.ownerDied ?? false;
  }

  /** The fencing token of the current acquisition by this object: greater than that of every earlier holder. */
  get token(): number | undefined {
    return this.held?.token;
  }

  /**
   * Says that what the lock protects is in order again.
   *
   * @throws ValueError if this object does not hold the lock
   */
  async markConsistent(): Promise<void> {
    const holding = this.held;
    if (holding === undefined) throw new ValueError('Only the holder of a lock may mark it consistent');
    if ((await this.link.run(markRight, [this.key('state')], [holding.owner])) !== 1) throw this.lost();
    holding.ownerDied = false;
  }

  /**
   * Runs `fn` while the lock is held, and returns its result.
   *
   * @throws TimeoutError if the time passed before the lock could be taken
   * @throws LeaseExpiredError after `fn`, if the lease ran out meanwhile and another one took the lock
   */
  async run<T>(fn: () => T | PromiseLike<T>, wait?: Wait): Promise<T> {
    checkFunction(fn);
    const hold = await this.hold(wait);
    let result: T;
    try {
      result = await fn();
    } catch (error) {
      await hold.release().catch(() => undefined);
      throw error;
    }
    await hold.release();
    return result;
  }

  /** Throws: an answer of Redis needs the event loop. */
  runSync(_fn: () => unknown, _wait?: Wait): never {
    throw noSync('runSync()', 'run()');
  }

  /**
   * Takes the lock for an `await using` block.
   *
   * @throws TimeoutError if the time passed
   */
  async hold(wait?: Wait): Promise<RedisHold> {
    const holding = await this.take(wait);
    if (holding === undefined) throw timedOut();
    this.held = holding;
    let isHeld = true;
    const release = async () => {
      if (!isHeld) return;
      isHeld = false;
      if (this.held === holding) this.held = undefined;
      await this.giveBack(holding);
    };
    const { ownerDied, token, signal } = holding;
    return { ownerDied, token, signal, release, [Symbol.asyncDispose]: release };
  }

  /** Throws: an answer of Redis needs the event loop. */
  holdSync(_wait?: Wait): never {
    throw noSync('holdSync()', 'hold()');
  }

  /** @internal */
  protected async take(wait: Wait): Promise<Holding | undefined> {
    const parsed = parseWait(wait);
    this.checkOpen();
    parsed.signal?.throwIfAborted();
    const owner = this.link.id();
    const keys = [this.key('state'), this.key('waiting')];
    const args = [owner, this.#lease, parsed.deadline > 0 ? 1 : 0];
    const back = () => void this.#giveBack(owner).catch(() => undefined);
    const got = await waitOn(
      this.bell,
      parsed,
      async (patient): Promise<Tried<[number, boolean]>> => {
        const reply = (await this.link.run(take, keys, args, { patient, late: back })) as [
          number,
          Buffer | number,
          Buffer,
        ];
        if (this.isClosed) {
          back();
          throw this.closedError();
        }
        if (reply[0] === 1) return { done: [Number(reply[1]), String(reply[2]) === '1'] };
        return { recheck: Math.min(Number(reply[1]) + 1, recheckMs) };
      },
      back,
    );
    if (got === undefined) return undefined;
    const holding = new Holding(
      owner,
      ...got,
      this.#lease,
      () => this.#renew(owner),
      () => this.lost(),
    );
    this.#holdings.add(holding);
    return holding;
  }

  /** @internal */
  protected async giveBack(holding: Holding): Promise<void> {
    holding.end();
    this.#holdings.delete(holding);
    if (!(await this.#giveBack(holding.owner))) throw this.lost();
  }

  /** @internal */
  protected override closing(error: ClosedError): void {
    for (const holding of this.#holdings) holding.end();
    this.bell.close(error);
  }

  /** @internal */
  protected override async leave(): Promise<void> {
    await Promise.all([...this.#holdings].map((holding) => this.giveBack(holding).catch(() => undefined)));
    this.close();
  }

  /** @internal */
  protected lost(): LeaseExpiredError {
    return new LeaseExpiredError(
      `The lease of the ${this.kind} '${this.name}' (${this.#lease} ms) ran out, and another one took the lock: ` +
        'keep the event loop free, or make the lock with a longer "lease"',
    );
  }

  async #giveBack(owner: string): Promise<boolean> {
    const keys = [this.key('state'), this.key('bell'), this.key('waiting')];
    return (await this.link.run(giveBack, keys, [owner])) === 1;
  }

  async #renew(owner: string): Promise<boolean> {
    return (await this.link.run(renew, [this.key('state')], [owner, this.#lease])) === 1;
  }
}
