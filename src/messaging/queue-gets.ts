/** The taking side of a queue as one object has it: at once what is there, else in turn; and what was taken but not given. */
import { now, type ParsedWait, parseSyncWait, parseWait, timerMs, type Wait } from '../deadline.js';
import { Empty, EOFError } from '../errors.js';
import { inBackground } from '../lifecycle/background.js';
import { TargetKind } from '../native.js';
import { describe } from '../options/describe.js';
import { Damage, finish, Later } from '../serialize/records.js';
import { draining, ended } from '../shared/ring-layout.js';
import { clearTimeout, setTimeout } from '../timing.js';
import { Delivery } from './delivery.js';
import { busy, type GetEnd, nothing } from './get-end.js';
import { Line, notYet, soon } from './line.js';
import type { Ring } from './ring.js';

export class QueueGets {
  readonly #ring: Ring;
  readonly #end: GetEnd;
  readonly #line: Line;
  /** What a `getMany` took and could not give, since a message before it cannot be read: the next ones get it. */
  #kept: unknown[] = [];

  constructor(ring: Ring) {
    this.#ring = ring;
    this.#end = ring.gets;
    this.#line = new Line(ring.block, TargetKind.ringItems, () => 0);
  }

  /** How many messages were taken and not given. */
  get kept(): number {
    return this.#kept.length;
  }

  get(wait: Wait | undefined): Promise<unknown> {
    try {
      if (wait === undefined && this.#line.length === 0) {
        const value = this.#take();
        if (value !== nothing && value !== busy) return value instanceof Later ? read(value) : Promise.resolve(value);
      }
      return this.#getSlowly(parseWait(wait));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** As {@link get}, by name: a {@link Delivery}, which can be read at once. */
  async take(wait: Wait | undefined): Promise<Delivery> {
    const parsed = parseWait(wait);
    const value = await this.#getOrMiss(parsed, this.#takeNamed);
    if (value === nothing) throw new Empty();
    return ready(value as Delivery);
  }

  takeSync(wait: Wait | undefined): Delivery {
    const value = this.#block(parseSyncWait(wait), this.#takeNamed);
    if (value === nothing || value === busy) throw new Empty();
    return value as Delivery;
  }

  tryTake(): Delivery | undefined {
    if (this.#line.length > 0) return undefined;
    const value = this.#takeNamed();
    return value === nothing || value === busy ? undefined : (value as Delivery);
  }

  async takeMany(max: number, wait: Wait | undefined): Promise<Delivery[]> {
    checkMost(max);
    const parsed = parseWait(wait);
    parsed.signal?.throwIfAborted();
    const first = await this.#getOrMiss(parsed, this.#takeNamed);
    if (first === nothing) return [];
    return Promise.all(this.#takeMoreNamed(first, max).map(ready));
  }

  takeManySync(max: number, wait: Wait | undefined): Delivery[] {
    checkMost(max);
    const first = this.#block(parseSyncWait(wait), this.#takeNamed);
    return first === nothing || first === busy ? [] : this.#takeMoreNamed(first, max);
  }

  getSync(wait: Wait | undefined): unknown {
    if (wait === undefined && this.#line.length === 0) {
      const value = this.#take();
      if (value !== nothing && value !== busy) return finish(value);
    }
    const value = this.#block(parseSyncWait(wait));
    if (value === nothing || value === busy) throw new Empty();
    return finish(value);
  }

  tryGet(): unknown {
    if (this.#line.length > 0) return undefined;
    const value = this.#take();
    return value === nothing || value === busy ? undefined : finish(value);
  }

  async getMany(max: number, wait: Wait | undefined): Promise<unknown[]> {
    checkMost(max);
    const parsed = parseWait(wait);
    parsed.signal?.throwIfAborted();
    let taken = this.#takeMany(max);
    if (taken.length === 0) {
      const first = await this.#getOrMiss(parsed);
      if (first === nothing) return [];
      taken = this.#takeMore([first], max);
    }
    const items: unknown[] = [];
    for (const value of taken) {
      try {
        const later = value instanceof Later ? value.readLater() : undefined;
        items.push(later === undefined ? finish(value) : await later);
      } catch (error) {
        return this.#keep(items, error, taken);
      }
    }
    return items;
  }

  getManySync(max: number, wait: Wait | undefined): unknown[] {
    checkMost(max);
    const deadline = parseSyncWait(wait);
    let taken = this.#takeMany(max);
    if (taken.length === 0) {
      const first = this.#block(deadline);
      if (first === nothing || first === busy) return [];
      taken = this.#takeMore([first], max);
    }
    const items: unknown[] = [];
    for (const value of taken) {
      try {
        items.push(finish(value));
      } catch (error) {
        return this.#keep(items, error, taken);
      }
    }
    return items;
  }

  /**
   * Has messages delivered again when their consumers die, their lease ends or their delay is over, until the returned
   * function is called: of these there is no notice.
   */
  keepLooking(): () => void {
    let timer: NodeJS.Timeout | undefined;
    const arm = () => {
      timer = setTimeout(look, timerMs(this.#end.nextLook - now()));
      timer.unref();
    };
    const look = () => {
      if (this.#ring.closed) return;
      inBackground('messages of consumers that have ended', () => this.#ring.look());
      // The end is noticed here if other consumers have acknowledged what they had, and only this one has messages open.
      if ((this.#ring.state & draining) !== 0 && this.#line.length > 0) this.#line.run();
      arm();
    };
    arm();
    return () => clearTimeout(timer);
  }

  /** Those who wait fail; what was taken and not given is let go. */
  close(reason: unknown): void {
    for (const value of this.#kept.splice(0)) if (value instanceof Later && !value.kept) value.drop();
    this.#line.close(reason);
  }

  async #getSlowly(wait: ParsedWait): Promise<unknown> {
    const value = await this.#getOrMiss(wait);
    if (value === nothing) throw new Empty();
    return value instanceof Later ? read(value) : value;
  }

  async #getOrMiss(wait: ParsedWait, take = this.#takeAny): Promise<unknown> {
    wait.signal?.throwIfAborted();
    if (this.#line.length === 0) {
      const value = this.#takeOrEnd(take);
      if (value !== nothing && value !== busy) return value;
    }
    if (wait.deadline <= 0) return nothing;
    const stop = this.#ring.joinable ? this.keepLooking() : undefined;
    const result = await this.#line
      .wait(this, wait, () => {
        const value = this.#takeOrEnd(take);
        if (value === busy) return soon;
        return value === nothing ? notYet : { value };
      })
      .finally(stop);
    return result === undefined ? nothing : (result as { value: unknown }).value;
  }

  /** The oldest message, or of what it will be made; `nothing`, `busy`. */
  #take(deadline = 0): unknown {
    return this.#kept.length > 0 ? this.#kept.shift() : this.#end.take(deadline);
  }

  readonly #takeAny = (deadline = 0) => this.#take(deadline);

  /** Messages that `getMany` took and could not give are named, too: the queue keeps messages, or there are none. */
  readonly #takeNamed = (deadline = 0): unknown => {
    const named = this.#kept.findIndex((value) => value instanceof Delivery);
    return named === -1 ? this.#end.takeNamed(deadline) : this.#kept.splice(named, 1)[0];
  };

  #takeMoreNamed(first: unknown, max: number): Delivery[] {
    const taken = [first as Delivery];
    if (max === 1 || this.#line.length > 0) return taken;
    try {
      return [...taken, ...(this.#end.takeManyNamed(max - 1, 0) as Delivery[])];
    } catch {
      return taken; // The next one who takes learns why.
    }
  }

  #takeMany(most: number): unknown[] {
    if (this.#line.length > 0) return [];
    if (this.#kept.length === 0) return this.#end.takeMany(most, 0);
    return this.#takeMore(this.#kept.splice(0, most), most);
  }

  /** Adds to what was taken, which must not be lost, what else is there at once. */
  #takeMore(taken: unknown[], most: number): unknown[] {
    if (taken.length >= most || this.#line.length > 0) return taken;
    try {
      return [...taken, ...this.#end.takeMany(most - taken.length, 0)];
    } catch {
      return taken; // The next one who takes learns why.
    }
  }

  /** One of the messages that were taken cannot be read. */
  #keep(items: unknown[], error: unknown, taken: readonly unknown[]): unknown[] {
    const rest = taken.slice(items.length + 1);
    this.#kept = [...(items.length === 0 ? [] : [new Damage(error)]), ...rest, ...this.#kept];
    if (this.#line.length > 0) this.#line.run();
    if (items.length === 0) throw error;
    return items;
  }

  #takeOrEnd(take: () => unknown): unknown {
    const { state } = this.#ring;
    const value = take();
    if (value === nothing && state !== 0 && this.#isOver(state)) throw new EOFError('The queue has ended');
    return value;
  }

  #isOver(state: number): boolean {
    return (state & ended) !== 0 || ((state & draining) !== 0 && this.#end.isOver());
  }

  /** Blocks until there is something; `nothing` or `busy` when the deadline has passed. */
  #block(deadline: number, take = this.#takeAny): unknown {
    const line = this.#line;
    try {
      for (;;) {
        if (line.length > 0) {
          line.run();
          line.pause();
        }
        const { state } = this.#ring;
        const value = take(deadline);
        if (value !== nothing && value !== busy) return value;
        if (value === nothing && state !== 0 && this.#isOver(state)) throw new EOFError('The queue has ended');
        if (deadline <= 0 || (deadline !== Infinity && now() >= deadline)) return value;
        this.#ring.waitForItems(deadline);
      }
    } finally {
      if (line.length > 0) line.run();
    }
  }
}

/** What a message holds; its modules are imported if need be. */
function read(value: Later): Promise<unknown> {
  return value.readLater() ?? Promise.resolve(value.read());
}

/** The delivery, when the modules that its value needs are imported. Its value throws what goes wrong. */
async function ready(delivery: Delivery): Promise<Delivery> {
  try {
    await delivery.readLater();
  } catch {
    // Reading the value throws it again.
  }
  return delivery;
}

function checkMost(max: unknown): void {
  if (Number.isSafeInteger(max) && (max as number) > 0) return;
  throw new RangeError(`Expected "max" to be a positive integer, got ${describe(max)}`);
}
