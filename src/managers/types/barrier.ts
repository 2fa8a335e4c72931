/** Barrier in a manager's server. A client that ends while it waits breaks the barrier. */

import { parseWait, type Wait } from '../../deadline.js';
import { BrokenBarrierError, ValueError } from '../../errors.js';
import { describe } from '../../options/describe.js';
import { callable, milliseconds, nullable } from '../../options/kinds.js';
import { OptionTable } from '../../options/table.js';
import { currentCall } from './call-context.js';
import { Waiting } from './call-waiters.js';

/** Options of a managed barrier. */
export interface ManagedBarrierOptions {
  /** Called in the server, once for each time that all have come. */
  action?: (() => unknown) | null | undefined;
  /** In ms, for waits that name none. */
  timeout?: number | null | undefined;
}

/** {@link ManagedBarrierOptions}. */
export const managedBarrierOptions = new OptionTable<ManagedBarrierOptions>({
  action: nullable(callable<() => unknown>()),
  timeout: nullable(milliseconds),
});

const tooLate = -1;

export class ManagedBarrier {
  static readonly kind = 'barrier';
  readonly #parties: number;
  readonly #action: (() => unknown) | null | undefined;
  readonly #timeout: number | null | undefined;
  #waiting = new Waiting<number>();
  #broken = false;

  constructor(parties: number, options?: ManagedBarrierOptions) {
    managedBarrierOptions.check(options, 'Barrier');
    const { action, timeout } = options ?? {};
    if (!Number.isSafeInteger(parties))
      throw new TypeError(`Expected "parties" to be an integer, got ${describe(parties)}`);
    if (parties < 1) throw new ValueError(`Expected "parties" to be positive, got ${parties}`);
    this.#parties = parties;
    this.#action = action;
    this.#timeout = timeout;
  }

  parties(): number {
    return this.#parties;
  }

  nWaiting(): number {
    return this.#broken ? 0 : this.#waiting.length;
  }

  broken(): boolean {
    return this.#broken;
  }

  async wait(wait?: Wait): Promise<number> {
    const call = currentCall();
    const { deadline } = parseWait(wait ?? this.#timeout);
    if (this.#broken) throw new BrokenBarrierError();
    const index = this.#waiting.length;
    if (index === this.#parties - 1) return this.#open(index);
    const waiting = this.#waiting;
    const told = await waiting.wait(deadline, tooLate, call, () => this.#left(waiting));
    if (told === tooLate) {
      this.#left(waiting);
      throw new BrokenBarrierError();
    }
    return index;
  }

  reset(): void {
    const waiting = this.#renew();
    this.#broken = false;
    waiting.failAll(new BrokenBarrierError('The barrier was reset'));
  }

  abort(): void {
    this.#broken = true;
    this.#renew().failAll(new BrokenBarrierError());
  }

  getValue(): never {
    throw new TypeError('A barrier has no value to copy');
  }

  async #open(index: number): Promise<number> {
    const waiting = this.#renew();
    // All have come: the time of none is over while the action runs.
    waiting.stopClocks();
    try {
      await this.#action?.();
    } catch (error) {
      // Others may have come meanwhile.
      const later = this.#renew();
      this.#broken = true;
      for (const each of [waiting, later]) {
        each.failAll(new BrokenBarrierError('The action of the barrier failed', { cause: error }));
      }
      throw error;
    }
    waiting.tellAll(0);
    return index;
  }

  #renew(): Waiting<number> {
    const waiting = this.#waiting;
    this.#waiting = new Waiting();
    return waiting;
  }

  /** Somebody stopped waiting before all had come. */
  #left(waiting: Waiting<number>): void {
    if (waiting !== this.#waiting) return;
    this.abort();
  }
}
