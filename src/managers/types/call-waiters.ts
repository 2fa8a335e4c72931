/** The calls that wait for one thing in the server, oldest first. */
import { now, timerMs } from '../../deadline.js';
import { clearTimeout, setTimeout } from '../../timing.js';
import { type Caller, Cancelled, type CurrentCall, currentCall } from './call-context.js';

interface Waiter<T> {
  readonly call: CurrentCall;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
  timer: NodeJS.Timeout | undefined;
}

export class Waiting<T> {
  readonly #waiters = new Set<Waiter<T>>();

  get length(): number {
    return this.#waiters.size;
  }

  /** Who has waited longest. */
  get first(): CurrentCall | undefined {
    const [oldest] = this.#waiters;
    return oldest?.call;
  }

  /**
   * Waits to be told a value, for the current call.
   *
   * @param deadline as `parseWait` reads it
   * @param missed what it resolves to when the time is over, at once if there is none
   * @param onEnd is called when the wait ends in vain
   */
  wait(deadline: number, missed: T, call: CurrentCall = currentCall(), onEnd?: () => void): Promise<T> | T {
    if (deadline === 0) return missed;
    call.cancellable = true;
    // It was taken back between two waits.
    if (call.unwanted) return Promise.reject(new Cancelled());
    return new Promise((resolve, reject) => {
      const waiter: Waiter<T> = { call, resolve, reject, timer: undefined };
      const leave = (): boolean => {
        if (!this.#waiters.delete(waiter)) return false;
        this.#dismiss(waiter);
        onEnd?.();
        return true;
      };
      call.cancel = () => {
        if (leave()) reject(new Cancelled());
      };
      // First: the time may be over already.
      this.#waiters.add(waiter);
      if (deadline !== Infinity) {
        const expire = () => {
          const left = deadline - now();
          if (left > 0) waiter.timer = setTimeout(expire, timerMs(left));
          else if (leave()) resolve(missed);
        };
        expire();
      }
    });
  }

  /** Nobody's time is over any more. */
  stopClocks(): void {
    for (const { timer } of this.#waiters) clearTimeout(timer);
  }

  /** Tells the oldest. Who that was; `undefined` if nobody waits. */
  tellOne(value: T): Caller | undefined {
    const [waiter] = this.#waiters;
    if (waiter === undefined) return undefined;
    this.#waiters.delete(waiter);
    this.#dismiss(waiter);
    waiter.resolve(value);
    return waiter.call.caller;
  }

  tellAll(value: T): void {
    while (this.#waiters.size > 0) this.tellOne(value);
  }

  failAll(reason: unknown): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) {
      this.#dismiss(waiter);
      waiter.reject(reason);
    }
  }

  #dismiss(waiter: Waiter<T>): void {
    clearTimeout(waiter.timer);
    waiter.call.cancel = undefined;
  }
}
