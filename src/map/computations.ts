/**
 * Computations in flight for a map: one for each key, in any process, for which other callers wait.
 *
 * A slot in the segment names the computing thread and the hash. Slots are claimed under the lock of the key's shard,
 * so two callers never claim one each for the same key. Keys with the same hash wait for each other, which does no
 * harm: a caller looks for the value again after its wait.
 */
import { now, type ParsedWait } from '../deadline.js';
import { TimeoutError } from '../errors.js';
import { me } from '../lifecycle/participant.js';
import { layout, native, TargetKind } from '../native.js';
import type { Block } from '../shared/block.js';
import { SlotWord, slotCount, slotsAt, slotWords } from '../shared/map-layout.js';
import { missed, WaitQueue } from '../sync/wait-queue.js';

/** A slot, and its turn when the caller looked. */
export interface Claim {
  readonly slot: number;
  readonly turn: number;
  /** Whether the caller is to compute; else it is to wait. */
  readonly mine: boolean;
}

const parked = 1 << 31;

/** The slot in which the hash is computed, or a free one that is the caller's now. Precondition: the shard's lock is held. */
export function claim(words: Int32Array, hash: number): Claim {
  let free = -1;
  for (let i = 0; i < slotCount; i++) {
    const slot = slotsAt + i * slotWords;
    const owner = Atomics.load(words, slot + SlotWord.owner) & layout.ownerMask;
    if (owner === 0 || (owner !== me && native.isDead(owner))) {
      if (free === -1) free = slot;
    } else if (words[slot + SlotWord.hash] === hash) {
      return { slot, turn: turnOf(words, slot), mine: false };
    }
  }
  for (; free !== -1 && free < slotsAt + slotCount * slotWords; free += slotWords) {
    const owner = Atomics.load(words, free + SlotWord.owner);
    if (owner !== 0 && (owner === me || !native.isDead(owner & layout.ownerMask))) continue;
    if (Atomics.compareExchange(words, free + SlotWord.owner, owner, me) !== owner) continue;
    words[free + SlotWord.hash] = hash;
    return { slot: free, turn: turnOf(words, free), mine: true };
  }
  // All slots are taken: the end of one of these computations makes room.
  const slot = slotsAt + ((hash >>> 0) % slotCount) * slotWords;
  return { slot, turn: turnOf(words, slot), mine: false };
}

/** The computation has ended, well or not: those who wait look again. */
export function finish(block: Block, words: Int32Array, slot: number): void {
  if (Atomics.compareExchange(words, slot + SlotWord.owner, me, 0) !== me) return;
  native.mapRaise(block.segment.id, slot * 4);
}

/** Waits until a computation has ended, or its process has died. */
export async function waitFor(block: Block, claimed: Claim, owner: object, wait: ParsedWait): Promise<void> {
  const slot = { segment: block.segment, body: claimed.slot * 4 } as Block;
  const queue = new WaitQueue(TargetKind.computation, slot, 0, () => {}, claimed.turn >>> 0);
  waits.set(queue, owner);
  try {
    if ((await queue.wait(owner, wait, false)) === missed) throw timedOut();
  } finally {
    waits.delete(queue);
    queue.dispose();
  }
}

/** The object is closed: those who wait through it fail. */
export function failWaits(owner: object, reason: unknown): void {
  for (const [queue, waiting] of waits) if (waiting === owner) queue.failAll(owner, reason);
}

export function checkWait(wait: ParsedWait): void {
  wait.signal?.throwIfAborted();
  if (wait.deadline !== Infinity && wait.deadline <= now()) throw timedOut();
}

const waits = new Map<WaitQueue, object>();

function turnOf(words: Int32Array, slot: number): number {
  return Atomics.load(words, slot + SlotWord.turn) & ~parked;
}

function timedOut(): TimeoutError {
  return new TimeoutError('The wait timed out: another caller still computes the value of the key');
}
