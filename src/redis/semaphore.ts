/** Semaphores on a Redis server: a number of permits for programs of any machine. */
import { parseWait, type Wait } from '../deadline.js';
import { type ClosedError, LeaseExpiredError, MultiprocError, ValueError } from '../errors.js';
import { describe } from '../options/describe.js';
import { boolean, positiveInteger } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { objectName } from '../shared/block.js';
import { checkFunction, timedOut } from '../sync/lock.js';
import { Bell, recheckMs } from './bell.js';
import { noSync } from './errors.js';
import type { Link } from './link.js';
import { Holding } from './lock.js';
import { RedisObject } from './object.js';
import { Script } from './script.js';
import { type Tried, waitOn } from './wait.js';

/** Options of a semaphore of a Redis context. */
export interface RedisSemaphoreOptions {
  /** The semaphore's name. */
  name: string;
  /** The permits name their holders: those of a program that died are free again after the lease, and only a holder can release. */
  robust?: boolean | undefined;
  /**
   * Robust semaphores: milliseconds after which a permit that is renewed no more is free. Default: that of `connect`.
   */
  lease?: number | undefined;
}

const semaphoreOptions = new OptionTable<RedisSemaphoreOptions>({
  name: objectName,
  robust: boolean,
  lease: positiveInteger,
});
const maxPermits = 2 ** 31 - 1;

/** Sets `initial`; a semaphore that exists keeps its own. With `robust` the permits are the members of `open`. */
const opened = `
  local state, open, bell, waiting = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
  local initial = tonumber(call('HGET', state, 'initial'))
  local robust = args[2] == '1'
  if not initial then
    initial = tonumber(args[1])
    call('HSET', state, 'initial', initial, 'value', initial, 'robust', args[2])
  elseif call('HGET', state, 'robust') ~= args[2] then
    return { 0, -1 }
  end
  local function free()
    if not robust then return tonumber(call('HGET', state, 'value')) end
    call('ZREMRANGEBYSCORE', open, '-inf', now())
    return initial - call('ZCARD', open)
  end
`;

const take = new Script(
  'taking a permit',
  `${opened}
  local left = free()
  if left <= 0 then
    if args[5] == '1' then expect(waiting) end
    local first = robust and call('ZRANGE', open, 0, 0, 'WITHSCORES')[2]
    return { 0, 1, first and first - now() or 0 }
  end
  if robust then call('ZADD', open, now() + args[4], args[3]) else call('HINCRBY', state, 'value', -1) end
  if left > 1 then ring(bell, waiting) end
  return { 1 }
`,
  true,
);

const give = new Script(
  'releasing a permit',
  `${opened}
  if robust then
    local gone = 0
    free()
    for i = 5, #args do gone = gone + call('ZREM', open, args[i]) end
    ring(bell, waiting)
    return { 1, gone }
  end
  if free() + args[3] > tonumber(args[4]) then return { 0, 2, initial } end
  call('HINCRBY', state, 'value', args[3])
  ring(bell, waiting)
  return { 1, 0 }
`,
  true,
);

const value = new Script('looking at a semaphore', `${'local args = ARGV\n'}${opened} return { 1, free() }`);

const renew = new Script(
  'renewing a permit',
  `
  local ends = call('ZSCORE', KEYS[1], ARGV[1])
  if not ends or tonumber(ends) <= now() then return 0 end
  call('ZADD', KEYS[1], now() + ARGV[2], ARGV[1])
  return 1
`,
);

/** A permit that is held until {@link release}. */
export interface RedisPermit {
  /** Always false: permits have no state to leave half-changed. */
  readonly ownerDied: boolean;
  /** Gives it back. A second call does nothing. */
  release(): Promise<void>;
  /** As {@link release}. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A counting semaphore. Permits have no owner, unless it is robust: any program may release, also above the initial value. */
export class RedisSemaphore extends RedisObject {
  readonly #bell: Bell;
  readonly #initial: number;
  readonly #robust: boolean;
  readonly #lease: number;
  readonly #holdings: Holding[] = [];

  /** @internal */
  constructor(link: Link, kind: string, initial: number, options: RedisSemaphoreOptions | undefined, lease: number) {
    semaphoreOptions.check(options, kind);
    if (typeof initial !== 'number' || !Number.isInteger(initial)) {
      throw new TypeError(`Expected "value" to be an integer, got ${describe(initial)}`);
    }
    const least = options?.robust ? 1 : 0;
    if (initial < least || initial > maxPermits) {
      throw new ValueError(`Expected "value" to be ${least} to ${maxPermits}, got ${initial}`);
    }
    super(link, kind, options);
    this.#initial = initial;
    this.#robust = options?.robust ?? false;
    this.#lease = options?.lease ?? lease;
    this.#bell = new Bell(link, this.key('bell'), this.key('waiting'));
  }

  /**
   * Takes a permit.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: no limit
   * @returns `false` if the time passed; rejects with the signal's reason
   */
  async acquire(wait?: Wait): Promise<boolean> {
    const parsed = parseWait(wait);
    this.checkOpen();
    parsed.signal?.throwIfAborted();
    const holder = this.link.id();
    const back = () => void this.#give(1, [holder]).catch(() => undefined);
    const mayWait = parsed.deadline > 0 ? 1 : 0;
    const taken = await waitOn(
      this.#bell,
      parsed,
      async (patient): Promise<Tried<true>> => {
        const reply = await this.#run(take, [holder, this.#lease, mayWait], {
          patient,
          late: (late) => (late as number[])[0] === 1 && back(),
        });
        if (this.isClosed) {
          if (reply[0] === 1) back();
          throw this.closedError();
        }
        if (reply[0] === 1) return { done: true };
        return this.#robust ? { recheck: Math.min(Number(reply[2]) + 1, recheckMs) } : {};
      },
      back,
    );
    if (taken !== true) return false;
    if (this.#robust) this.#keep(holder);
    return true;
  }

  /** Throws: an answer of Redis needs the event loop. */
  acquireSync(_wait?: Wait): never {
    throw noSync('acquireSync()', 'acquire()');
  }

  /** Takes a permit if one is free. */
  async tryAcquire(): Promise<boolean> {
    return this.acquire(0);
  }

  /**
   * Gives permits back.
   *
   * @throws ValueError for a count below 1, above the initial value of a bounded one, and for what a robust one did not give here
   */
  async release(n = 1): Promise<void> {
    this.checkOpen();
    if (!Number.isInteger(n) || n < 1)
      throw new ValueError(`Expected "n" to be a positive integer, got ${describe(n)}`);
    if (!this.#robust) return this.#give(n, []);
    if (this.#holdings.length < n) {
      throw new ValueError(
        `The ${this.kind} '${this.name}' is released too many times: this object holds ${this.#holdings.length}`,
      );
    }
    const holdings = this.#holdings.splice(-n, n);
    for (const holding of holdings) holding.end();
    return this.#give(
      n,
      holdings.map(({ owner }) => owner),
    );
  }

  /** Returns the number of free permits. */
  async getValue(): Promise<number> {
    this.checkOpen();
    return Number((await this.#run(value, []))[1]);
  }

  /** Whether no permit is free now. */
  async locked(): Promise<boolean> {
    return (await this.getValue()) === 0;
  }

  /**
   * Runs `fn` while a permit is held, and returns its result.
   *
   * @throws TimeoutError if the time passed before there was one
   */
  async run<T>(fn: () => T | PromiseLike<T>, wait?: Wait): Promise<T> {
    checkFunction(fn);
    if (!(await this.acquire(wait))) throw timedOut('A permit');
    try {
      return await fn();
    } finally {
      await this.release();
    }
  }

  /** Throws: an answer of Redis needs the event loop. */
  runSync(_fn: () => unknown, _wait?: Wait): never {
    throw noSync('runSync()', 'run()');
  }

  /** Takes a permit for an `await using` block. @throws TimeoutError if the time passed */
  async hold(wait?: Wait): Promise<RedisPermit> {
    if (!(await this.acquire(wait))) throw timedOut('A permit');
    let isHeld = true;
    const release = async () => {
      if (!isHeld) return;
      isHeld = false;
      await this.release();
    };
    return { ownerDied: false, release, [Symbol.asyncDispose]: release };
  }

  /** Throws: an answer of Redis needs the event loop. */
  holdSync(_wait?: Wait): never {
    throw noSync('holdSync()', 'hold()');
  }

  /** @internal */
  protected override closing(error: ClosedError): void {
    for (const holding of this.#holdings) holding.end();
    this.#bell.close(error);
  }

  /** @internal */
  protected override async leave(): Promise<void> {
    if (this.#holdings.length > 0) await this.release(this.#holdings.length).catch(() => undefined);
    this.close();
  }

  #keep(holder: string): void {
    const renewed = async () => (await this.link.run(renew, [this.key('open')], [holder, this.#lease])) === 1;
    this.#holdings.push(new Holding(holder, 0, false, this.#lease, renewed, () => this.#lost()));
  }

  async #give(n: number, holders: readonly string[]): Promise<void> {
    const limit = this.kind === 'BoundedSemaphore' ? this.#initial : maxPermits;
    const reply = await this.#run(give, [n, limit, ...holders]);
    if (reply[0] === 0) throw new ValueError(`The ${this.kind} '${this.name}' is released too many times`);
    if (this.#robust && reply[1] !== holders.length) throw this.#lost();
  }

  async #run(
    script: Script,
    args: (string | number)[],
    options?: Parameters<Link['run']>[3],
  ): Promise<readonly unknown[]> {
    const keys = ['state', 'open', 'bell', 'waiting'].map((part) => this.key(part));
    // Without `once` the first key is not used, and the numbers of the others stay.
    const all = [this.key('ops'), ...keys];
    const reply = await this.link.run(script, all, [this.#initial, this.#robust ? '1' : '0', ...args], options);
    if ((reply as unknown[])[0] !== 0 || (reply as unknown[])[1] !== -1) return reply as unknown[];
    throw new MultiprocError(
      `The ${this.kind} '${this.name}' exists with robust: ${!this.#robust}: give the same options, or unlink() it`,
      { code: 'ERR_MULTIPROC_KIND' },
    );
  }

  #lost(): LeaseExpiredError {
    return new LeaseExpiredError(
      `The lease of a permit of '${this.name}' (${this.#lease} ms) ran out, and it was free for others: ` +
        'keep the event loop free, or make the semaphore with a longer "lease"',
    );
  }
}
