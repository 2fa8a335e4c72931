/** Bells: how waits of this process learn of a change on the server, each by one blocking command. */
import { now, timerMs } from '../deadline.js';
import { clearTimeout, setTimeout } from '../timing.js';
import type { RedisClient } from './client.js';
import type { Link } from './link.js';
import { Script } from './script.js';
import { entriesOf } from './stream.js';

/** Pause in ms after which a wait looks at the state again without its bell: a woken process may have died. */
export const recheckMs = 5000;

/** Seconds that one blocking command lasts. */
const blockSeconds = 5;

const nudge = new Script('waking a waiter', 'ring(KEYS[1], KEYS[2])');

interface Waiter {
  readonly seen: number;
  wake(rung: boolean): void;
  fail(error: unknown): void;
}

/** The waits of this process for one object, which share a connection. */
abstract class Listening {
  protected readonly waiters = new Set<Waiter>();
  #listening = false;
  #stop: AbortController | undefined;

  constructor(
    protected readonly link: Link,
    protected readonly key: string,
  ) {}

  /**
   * Waits until the bell rings, until the deadline, or until the signal fires.
   *
   * @returns whether it rang
   */
  wait(deadline: number, signal: AbortSignal | undefined, seen = 0): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        this.waiters.delete(waiter);
        if (this.waiters.size === 0) this.#stop?.abort();
      };
      const waiter: Waiter = {
        seen,
        wake: (rung) => {
          leave();
          resolve(rung);
        },
        fail: (error) => {
          leave();
          reject(error);
        },
      };
      const end = () => waiter.wake(false);
      const timer = setTimeout(end, timerMs(deadline - now()));
      signal?.addEventListener('abort', end);
      this.waiters.add(waiter);
      if (signal?.aborted) end();
      else if (!this.#listening) void this.#listen();
      else this.joined(waiter);
    });
  }

  /** Fails all waits. */
  close(error: Error): void {
    for (const waiter of [...this.waiters]) waiter.fail(error);
  }

  /** Called for a wait that begins while the connection blocks already. */
  protected joined(_waiter: Waiter): void {}

  /** One blocking command; resolves after its answer was dealt with. */
  protected abstract block(client: RedisClient): Promise<void>;

  /** Called when a blocking command was given up, which may have taken an answer along. */
  protected abstract abandoned(): void;

  async #listen(): Promise<void> {
    this.#listening = true;
    try {
      while (this.waiters.size > 0) {
        const stop = new AbortController();
        this.#stop = stop;
        await this.link.blocking((client) => this.block(client), stop.signal);
        if (stop.signal.aborted) this.abandoned();
      }
    } catch (error) {
      for (const waiter of [...this.waiters]) waiter.fail(error);
    } finally {
      this.#listening = false;
      this.#stop = undefined;
    }
    if (this.waiters.size > 0) void this.#listen();
  }
}

/** Wakes one wait of all processes, the oldest: a list on the server, whose tokens BLPOP takes. */
export class Bell extends Listening {
  readonly #waiting: string;

  constructor(link: Link, key: string, waiting: string) {
    super(link, key);
    this.#waiting = waiting;
  }

  /** Passes on a token that this process took and does not use. */
  pass(): void {
    if (!this.link.closed) void this.link.run(nudge, [this.key, this.#waiting], []).catch(() => undefined);
  }

  protected override async block(client: RedisClient): Promise<void> {
    const token = await client.callBuffer('BLPOP', this.key, blockSeconds);
    if (token === null) return;
    const [first] = this.waiters;
    if (first === undefined) this.pass();
    else first.wake(true);
  }

  protected override abandoned(): void {
    this.pass();
  }
}

/** Wakes all waits of all processes: a stream on the server, whose newest entry is the number of the change. */
export class Broadcast extends Listening {
  #newest = -1;

  protected override joined(waiter: Waiter): void {
    if (this.#newest > waiter.seen) waiter.wake(true);
  }

  protected override async block(client: RedisClient): Promise<void> {
    const seen = Math.min(...[...this.waiters].map((waiter) => waiter.seen));
    const reply = await client.callBuffer('XREAD', 'BLOCK', blockSeconds * 1000, 'STREAMS', this.key, `${seen}-0`);
    const last = entriesOf(reply).at(-1)?.[0];
    if (last === undefined) return;
    this.#newest = Number.parseInt(String(last), 10);
    for (const waiter of [...this.waiters]) if (waiter.seen < this.#newest) waiter.wake(true);
  }

  protected override abandoned(): void {}
}
