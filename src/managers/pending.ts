/** A call that was made and is not answered yet. */
import type { Registry } from './registry.js';

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
  #resolve: ((value: unknown) => void) | undefined;
  #reject: ((reason: unknown) => void) | undefined;
  #dismiss: (() => void) | undefined;

  constructor(number: number, keen: boolean, registry: Registry | undefined) {
    this.number = number;
    this.keen = keen;
    this.registry = registry;
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
    this.#dismiss = () => signal.removeEventListener('abort', cancel);
  }

  resolve(value: unknown): void {
    this.settled = true;
    this.value = value;
    this.#dismiss?.();
    this.#resolve?.(value);
  }

  reject(error: unknown): void {
    this.settled = true;
    this.failed = true;
    this.error = error;
    this.#dismiss?.();
    this.#reject?.(error);
  }
}
