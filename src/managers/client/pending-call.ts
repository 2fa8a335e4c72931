/** A call that was made and is not answered yet. */
import { timerMs } from '../../deadline.js';
import { clearTimeout, setTimeout } from '../../timing.js';
import type { Registry } from '../types/registered-type.js';

export class Pending {
  readonly number: number;
  readonly keen: boolean;
  /** Who made it knows the classes of the proxies that may come back. */
  readonly registry: Registry | undefined;
  settled = false;
  value: unknown;
  error: unknown;
  failed = false;
  /** The answer is here, and modules are being imported for it: makes do with what is loaded. */
  openNow: (() => void) | undefined;
  /** Who waited was told that it does, and waits no more. */
  givenUp = false;
  /** Keeps the server running until the answer is here. */
  readonly anchor: object | undefined;
  #resolve: ((value: unknown) => void) | undefined;
  #reject: ((reason: unknown) => void) | undefined;
  #dismiss: (() => void) | undefined;

  constructor(number: number, keen: boolean, registry: Registry | undefined, anchor: object | undefined) {
    this.number = number;
    this.keen = keen;
    this.registry = registry;
    this.anchor = anchor;
  }

  promise(): Promise<unknown> {
    if (this.settled) return this.failed ? Promise.reject(this.error) : Promise.resolve(this.value);
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Has `cancel` called when the signal fires before the answer. */
  watch(signal: AbortSignal, cancel: () => void): void {
    signal.addEventListener('abort', cancel, { once: true });
    this.onSettled(() => signal.removeEventListener('abort', cancel));
  }

  /** Has it called when the answer is here, or nobody waits for it any more. */
  onSettled(act: () => void): void {
    const before = this.#dismiss;
    this.#dismiss = () => {
      before?.();
      act();
    };
  }

  /** Has `act` called unless it is settled by then. */
  limit(ms: number, act: () => void): void {
    const timer = setTimeout(act, timerMs(ms));
    if (!this.keen) timer.unref();
    this.onSettled(() => clearTimeout(timer));
  }

  resolve(value: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.value = value;
    this.#dismiss?.();
    this.#resolve?.(value);
  }

  reject(error: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.failed = true;
    this.error = error;
    this.#dismiss?.();
    this.#reject?.(error);
  }
}
