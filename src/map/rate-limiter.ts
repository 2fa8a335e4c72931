/** RateLimiter: how often something may happen, counted for all processes of a machine in one atomic step. */
import { ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { positiveInteger, unexpected } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { type Departure, depart, HandleKind, registerArrival } from '../serialize/handles.js';
import { Block, BlockKind, blockOf, closedError, type Mode, type NameOptions, objectName } from '../shared/block.js';
import { textForm } from '../shared/text-form.js';
import { absent, clock, MapCore } from './core.js';
import type { MapKey } from './keys.js';
import { capacityKind, obtainMap, shapeOf } from './map-block.js';

/** Options of {@link RateLimiter}; those of a named one are compared on opening. */
export interface RateLimiterOptions extends NameOptions {
  /** Points that a key may spend within `duration`. */
  points: number;
  /** Milliseconds. */
  duration: number;
  /** Bytes of shared memory for keys that have spent something lately. Default: 16 MiB, for about 150,000 keys. */
  capacity?: number | undefined;
}

/** Result of {@link RateLimiter.consume}. */
export interface RateLimitResult {
  /** Whether the points were spent. */
  allowed: boolean;
  /** Points that the key can spend now. */
  remaining: number;
  /** Milliseconds until the same call is allowed; 0 if it was; `Infinity` for more points than there ever are. */
  retryAfter: number;
}

const defaultCapacity = 16 * 1024 * 1024;

const limiterOptions = new OptionTable<RateLimiterOptions>({
  name: objectName,
  points: positiveInteger,
  duration: positiveInteger,
  capacity: capacityKind,
});

/**
 * A rate limit for keys (addresses, users), for all processes and threads of a machine: `points` in each `duration`, spread evenly
 * (GCRA, a leaky bucket). A key that was quiet may spend all its points at once; each comes back after `duration / points` ms.
 *
 * A key takes memory while it has spent points that have not come back. If there are more such keys than there is memory for, those
 * that were not used for long are forgotten.
 */
export class RateLimiter {
  readonly #block: Block;
  #core: MapCore | undefined;
  readonly #points: number;
  readonly #duration: number;
  /** Milliseconds until a point comes back. */
  readonly #interval: number;

  /**
   * Makes an anonymous limiter, or opens the named one, which is made if it is missing.
   *
   * @throws MultiprocError `ERR_MULTIPROC_NAME`; `ERR_MULTIPROC_KIND` if the name belongs to something else, or to a limiter with
   * other options
   */
  constructor(options: RateLimiterOptions);
  /** @internal */
  constructor(block: Block);
  constructor(options: RateLimiterOptions | Block) {
    refuseClones(this);
    this.#block = options instanceof Block ? options : obtain('open-or-create', options);
    try {
      const { points, ttl } = shapeOf(this.#block);
      this.#core = new MapCore(this.#block);
      this.#points = points;
      this.#duration = ttl;
      this.#interval = ttl / points;
    } catch (error) {
      this.#block.release();
      throw error;
    }
  }

  /** Makes a limiter that must not exist yet: `EEXIST`. */
  static create(options: RateLimiterOptions): RateLimiter {
    return new RateLimiter(obtain('create', options));
  }

  /** Opens a limiter that must exist: `ENOENT`. */
  static open(name: string): RateLimiter {
    return new RateLimiter(Block.open(name, BlockKind.rateLimiter));
  }

  /** Removes the name; processes that have the limiter open can still use it. `ENOENT` for an unknown name. */
  static unlink(name: string): void {
    Block.unlink(name);
  }

  /** `undefined` for an anonymous limiter. */
  get name(): string | undefined {
    return this.#block.name;
  }

  /** Points that a key may spend within {@link duration}. */
  get points(): number {
    return this.#points;
  }

  /** Milliseconds. */
  get duration(): number {
    return this.#duration;
  }

  /**
   * Spends points of a key if it has so many. Never waits for other callers longer than for their own such step.
   *
   * @param points a positive integer; default 1
   */
  consume(key: MapKey, points = 1): RateLimitResult {
    const core = this.#core;
    if (core === undefined) throw closedError('RateLimiter');
    if (!(points >= 1) || !Number.isSafeInteger(points)) throw notPoints(points);
    const debt = core.spend(key, points * this.#interval, this.#duration);
    if (debt >= 0) return { allowed: true, remaining: this.#left(debt), retryAfter: 0 };
    const wait = -1 - debt;
    if (points > this.#points) return { allowed: false, remaining: this.peek(key).remaining, retryAfter: Infinity };
    return {
      allowed: false,
      remaining: this.#left(wait + this.#duration - points * this.#interval),
      retryAfter: Math.max(Math.ceil(wait), 1),
    };
  }

  /** Returns the result that {@link consume} of one point would have, and spends none. */
  peek(key: MapKey): RateLimitResult {
    const core = this.#open;
    const time = clock();
    const debt = core.get(key, false) === absent ? 0 : Math.max(core.expires - time, 0);
    const wait = debt + this.#interval - this.#duration;
    const allowed = wait <= 1e-6;
    return { allowed, remaining: this.#left(debt), retryAfter: allowed ? 0 : Math.max(Math.ceil(wait), 1) };
  }

  /** Forgets what a key has spent. `false` if it has spent nothing lately. */
  reset(key: MapKey): boolean {
    return this.#open.delete(key);
  }

  /** Forgets what all keys have spent. */
  clear(): void {
    this.#open.clear();
  }

  /** Lets go of the limiter in this process. Idempotent. */
  close(): void {
    if (this.#core === undefined) return;
    this.#core.flush();
    this.#core = undefined;
    this.#block.release();
  }

  /** Removes the name: `ENOENT` if it is gone already. Nothing for an anonymous limiter. */
  unlink(): void {
    this.#block.unlink();
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal */
  [blockOf](): Block {
    this.#open;
    return this.#block;
  }

  /** @internal */
  [depart](): Departure {
    this.#open;
    return this.#block.depart(HandleKind.rateLimiter);
  }

  /** Text for `console.log`: `<RateLimiter(points=10, duration=1000)>`. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const parts = [`points=${this.#points}`, `duration=${this.#duration}`];
    return textForm(this, this.#core === undefined ? undefined : parts);
  }

  get #open(): MapCore {
    if (this.#core === undefined) throw closedError('RateLimiter');
    return this.#core;
  }

  #left(debt: number): number {
    return Math.max(Math.floor((this.#duration - debt) / this.#interval + 1e-9), 0);
  }
}
isNoData(RateLimiter);

registerArrival(HandleKind.rateLimiter, (handle) => new RateLimiter(Block.arrive(handle, BlockKind.rateLimiter)));

function obtain(mode: Mode, options: RateLimiterOptions): Block {
  limiterOptions.check(options, 'RateLimiter');
  const { points, duration, capacity } = options ?? {};
  if (points === undefined) throw unexpected('points', 'an integer', points);
  if (duration === undefined) throw unexpected('duration', 'milliseconds, an integer', duration);
  const shape = { capacity: capacity ?? defaultCapacity, maxEntries: 0, ttl: duration, points, evicts: true };
  const given = { ttl: 'duration', points: 'points', ...(capacity === undefined ? {} : { capacity: 'capacity' }) };
  return obtainMap(mode, BlockKind.rateLimiter, shape, given, options);
}

function notPoints(points: unknown): Error {
  if (typeof points !== 'number') return unexpected('points', 'an integer', points);
  return new ValueError(`Expected "points" to be an integer of at least 1, got ${points}`);
}
