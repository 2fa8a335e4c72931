/** Queue and JoinableQueue in a manager's server. */

import { parseWait, type Wait } from '../../deadline.js';
import { ClosedError, Empty, EOFError, Full, ValueError } from '../../errors.js';
import { describe } from '../../options/describe.js';
import { type Caller, type CurrentCall, currentCall, type Holdable } from './call-context.js';
import { Waiting } from './call-waiters.js';
import { withItems } from './iterable-arguments.js';

const nothing = Symbol('nothing');

export class ManagedQueue {
  static readonly kind: string = 'queue';
  readonly #maxsize: number;
  /** From `#head` on. */
  #items: unknown[] = [];
  #head = 0;
  #ended = false;
  readonly #getters = new Waiting<boolean>();
  readonly #putters = new Waiting<boolean>();

  constructor(maxsize = 0) {
    if (!Number.isSafeInteger(maxsize))
      throw new TypeError(`Expected "maxsize" to be an integer, got ${describe(maxsize)}`);
    this.#maxsize = Math.max(maxsize, 0);
  }

  put(item: unknown, wait?: Wait): Promise<void> | void {
    checkItem(item);
    const { deadline } = parseWait(wait);
    if (this.#tryPut(item)) return;
    return this.#putLater(currentCall(), item, deadline);
  }

  tryPut(item: unknown): boolean {
    checkItem(item);
    return this.#tryPut(item);
  }

  putNoWait(item: unknown): void {
    if (!this.tryPut(item)) throw new Full();
  }

  async putMany(items: Iterable<unknown>, wait?: Wait): Promise<void> {
    const call = currentCall();
    const { deadline } = parseWait(wait);
    for (const item of await withItems([items], (read) => [...read])) {
      checkItem(item);
      if (!this.#tryPut(item)) await this.#putLater(call, item, deadline);
    }
  }

  get(wait?: Wait): unknown {
    const call = currentCall();
    const { deadline } = parseWait(wait);
    const item = this.#take(call);
    return item === nothing ? this.#getLater(call, deadline) : item;
  }

  /** `undefined` when it is empty. */
  tryGet(): unknown {
    const item = this.#take(currentCall());
    return item === nothing ? undefined : item;
  }

  getNoWait(): unknown {
    const item = this.#take(currentCall());
    if (item === nothing) throw this.#empty();
    return item;
  }

  async getMany(max: number, wait?: Wait): Promise<unknown[]> {
    const call = currentCall();
    if (!Number.isSafeInteger(max) || max < 1)
      throw new ValueError(`Expected "max" to be positive, got ${describe(max)}`);
    const { deadline } = parseWait(wait);
    let item = this.#take(call);
    if (item === nothing) {
      try {
        item = await this.#getLater(call, deadline);
      } catch (error) {
        if (error instanceof Empty) return [];
        throw error;
      }
    }
    const items: unknown[] = [];
    for (; item !== nothing; item = items.length < max ? this.#take(call) : nothing) items.push(item);
    return items;
  }

  qsize(): number {
    return this.#items.length - this.#head;
  }

  empty(): boolean {
    return this.qsize() === 0;
  }

  full(): boolean {
    return this.#maxsize > 0 && this.qsize() >= this.#maxsize;
  }

  /** Nothing will be put any more: readers drain it. */
  end(): void {
    this.#ended = true;
    this.#getters.tellAll(true);
    this.#putters.failAll(endedError());
  }

  getValue(): unknown[] {
    return this.#items.slice(this.#head);
  }

  /** For JoinableQueue. */
  protected took(_call: CurrentCall): void {}
  protected added(): void {}

  #tryPut(item: unknown): boolean {
    if (this.#ended) throw endedError();
    if (this.full()) return false;
    this.#items.push(item);
    this.added();
    this.#getters.tellOne(true);
    return true;
  }

  async #putLater(call: CurrentCall, item: unknown, deadline: number): Promise<void> {
    for (;;) {
      if (!(await this.#putters.wait(deadline, false, call))) throw new Full();
      if (this.#tryPut(item)) return;
    }
  }

  async #getLater(call: CurrentCall, deadline: number): Promise<unknown> {
    for (;;) {
      if (this.#ended) throw this.#empty();
      if (!(await this.#getters.wait(deadline, false, call))) throw new Empty();
      if (call.caller.ended) {
        // What it was woken for is for the next one.
        if (this.qsize() > 0) this.#getters.tellOne(true);
        throw new Empty();
      }
      const item = this.#take(call);
      if (item !== nothing) return item;
    }
  }

  #take(call: CurrentCall): unknown {
    if (this.empty()) return nothing;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    this.took(call);
    this.#putters.tellOne(true);
    return item;
  }

  #empty(): Error {
    return this.#ended ? new EOFError('The queue has ended, and is drained') : new Empty();
  }
}

/** What a client took and did not acknowledge before it ended counts as done. */
export class ManagedJoinableQueue extends ManagedQueue implements Holdable {
  static override readonly kind: string = 'joinablequeue';
  readonly #joiners = new Waiting<boolean>();
  readonly #taken = new Map<Caller, number>();
  #unfinished = 0;

  taskDone(): void {
    const { caller } = currentCall();
    if (this.#unfinished === 0) throw new ValueError('taskDone() was called too often');
    this.#acknowledge(this.#taken.has(caller) ? caller : this.#taken.keys().next().value);
    this.#finish(1);
  }

  /** Waits until everything that was put is acknowledged. False when the time is over. */
  join(wait?: Wait): Promise<boolean> | boolean {
    const { deadline } = parseWait(wait);
    return this.#unfinished === 0 || this.#joiners.wait(deadline, false);
  }

  forsake(caller: Caller): void {
    const taken = this.#taken.get(caller) ?? 0;
    this.#taken.delete(caller);
    this.#finish(Math.min(taken, this.#unfinished));
  }

  protected override took({ caller }: CurrentCall): void {
    this.#taken.set(caller, (this.#taken.get(caller) ?? 0) + 1);
    caller.holdings.add(this);
  }

  protected override added(): void {
    this.#unfinished++;
  }

  /** Of whom an item is done: who took none acknowledges somebody else's. Items that nobody has taken may be, too. */
  #acknowledge(caller: Caller | undefined): void {
    if (caller === undefined) return;
    const left = (this.#taken.get(caller) as number) - 1;
    if (left > 0) {
      this.#taken.set(caller, left);
      return;
    }
    this.#taken.delete(caller);
    caller.holdings.delete(this);
  }

  #finish(count: number): void {
    this.#unfinished -= count;
    if (this.#unfinished === 0) this.#joiners.tellAll(true);
  }
}

function checkItem(item: unknown): void {
  if (item === undefined) throw new TypeError('Expected an item, got undefined: who reads takes that for nothing');
}

function endedError(): ClosedError {
  return new ClosedError('The queue has ended: nothing can be put any more');
}
