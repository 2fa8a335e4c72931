/** One end of a ring: its robust lock, what a dead owner of that left half-done, and the sleepers at the other end. */
import { now } from '../deadline.js';
import { ClosedError, type MultiprocError } from '../errors.js';
import { layout, native } from '../native.js';
import { damaged } from '../serialize/handles.js';
import type { Block } from '../shared/block.js';
import { ringWords } from '../shared/ring-layout.js';

/** How long a call that must not wait waits for a lock, whose holders need less than a microsecond unless stopped. */
const brieflyMs = 20;

/** For the fast path of a closed ring: the lock is never free. */
const closedWords = new Int32Array(ringWords).fill(-1);

export abstract class RingEnd {
  readonly block: Block;
  /** Of the segment. */
  protected words: Int32Array;
  /** Of the ring's words in them. */
  protected at: number;
  /** Of this end's words: the lock. */
  protected end: number;
  protected closed = false;

  constructor(block: Block, words: Int32Array, at: number, end: number) {
    this.block = block;
    this.words = words;
    this.at = at;
    this.end = at + end;
  }

  close(): void {
    this.closed = true;
    this.words = closedWords;
    this.end -= this.at;
    this.at = 0;
  }

  /** Finishes or forgets what a dead owner of the lock began. Precondition: the lock is held. */
  protected abstract mend(): void;

  /**
   * The way of those who find the lock held. Mends what an owner that died left half-done.
   *
   * @returns `false` if somebody holds it for long: a stopped process
   */
  protected lock(deadline: number): boolean {
    if (this.closed) throw closedError();
    const until = deadline === Infinity ? Infinity : Math.max(deadline, now() + brieflyMs);
    if (!native.lockAcquire(this.block.segment.id, this.end * 4, until)) return false;
    if ((Atomics.load(this.words, this.end) & layout.dirty) !== 0) this.mendOrUnlock();
    return true;
  }

  /** Damaged words are an error for whoever finds them, but nobody keeps the lock for it. */
  protected mendOrUnlock(): void {
    try {
      this.mend();
      native.lockMarkConsistent(this.block.segment.id, this.end * 4);
    } catch (error) {
      this.unlock();
      throw error;
    }
  }

  /** The way of those who held it while somebody came to sleep for it, or after a dead owner. */
  protected unlock(): void {
    native.lockRelease(this.block.segment.id, this.end * 4);
  }

  /** Wakes one who sleeps at the word. */
  protected wake(asleep: number): void {
    if (Atomics.exchange(this.words, this.at + asleep, 0) === 0) return;
    native.ringWake(this.block.segment.id, (this.at + asleep) * 4, 1);
  }

  protected outside(): MultiprocError {
    return damaged(`${this.block.segment.fileName} has a position outside of its memory`);
  }
}

export function closedError(): ClosedError {
  return new ClosedError('The queue is closed in this process');
}
