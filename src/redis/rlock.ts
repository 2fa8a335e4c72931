/** RLock on a Redis server: a lock that code inside its own `run` takes again. */
import type { Wait } from '../deadline.js';
import { ValueError } from '../errors.js';
import { checkFunction, timedOut } from '../sync/lock.js';
import { enter, isInside, newRun, type Run } from '../sync/reentry.js';
import { type RedisHold, RedisLock } from './lock.js';

interface Level {
  readonly run: Run;
  /** Acquisitions inside the run that were not given back. */
  depth: number;
}

/**
 * A recursive lock. Its owner is a `run(fn)`: what `fn` calls or awaits takes the lock again at once, a sibling task never. `acquire()`
 * and `hold()` inside a run belong to it; outside they never re-enter.
 */
export class RedisRLock extends RedisLock {
  #level: Level | undefined;

  /** Takes the lock; inside a `run` of this lock it re-enters. */
  override async acquire(wait?: Wait): Promise<boolean> {
    const level = this.#inside();
    if (level === undefined) return super.acquire(wait);
    level.depth++;
    return true;
  }

  /**
   * Gives one acquisition back.
   *
   * @throws ValueError if this object does not hold the lock, or has nothing to give back inside a `run`
   */
  override async release(): Promise<void> {
    const level = this.#inside();
    if (level !== undefined) {
      if (level.depth === 0) throw new ValueError('The run that took the RLock gives it back by itself');
      level.depth--;
      return;
    }
    if (this.#level !== undefined) throw new ValueError('An RLock is released that the caller does not own');
    await super.release();
  }

  /** Runs `fn` while the lock is held, and returns its result. Code that `fn` calls or awaits may take the lock again. */
  override async run<T>(fn: () => T | PromiseLike<T>, wait?: Wait): Promise<T> {
    checkFunction(fn);
    if (this.#inside() !== undefined) return fn();
    const run = newRun();
    const holding = await this.take(wait);
    if (holding === undefined) throw timedOut();
    this.held = holding;
    const level = { run, depth: 0 };
    this.#level = level;
    let result: T;
    try {
      result = await enter(run, fn);
    } catch (error) {
      await this.#leave(level, holding).catch(() => undefined);
      throw error;
    }
    await this.#leave(level, holding);
    return result;
  }

  /** Takes the lock for an `await using` block; inside a `run` of this lock it re-enters. */
  override async hold(wait?: Wait): Promise<RedisHold> {
    const level = this.#inside();
    const { held } = this;
    if (level === undefined || held === undefined) return super.hold(wait);
    level.depth++;
    let isHeld = true;
    const release = async () => {
      if (isHeld) level.depth--;
      isHeld = false;
    };
    const { ownerDied, token, signal } = held;
    return { ownerDied, token, signal, release, [Symbol.asyncDispose]: release };
  }

  #inside(): Level | undefined {
    const level = this.#level;
    return level !== undefined && isInside(level.run) ? level : undefined;
  }

  async #leave(level: Level, holding: NonNullable<RedisRLock['held']>): Promise<void> {
    if (this.#level === level) this.#level = undefined;
    if (this.held === holding) this.held = undefined;
    await this.giveBack(holding);
  }
}
