/** Where the words of a ring lie, in 32-bit words from its start: the one place where `sync::RingWords` is said again. */
import { layout } from '../native.js';

/** The taking end begins here; the putting end at 0. */
export const getEnd = 16;

/** Words of either end, from its start. The lock comes first. */
export const EndWord = {
  lock: 0,
  position: 1,
  count: 2,
  otherPosition: 3,
  otherCount: 4,
  nextPosition: 5,
  nextCount: 6,
  moving: 7,
} as const;

/** What else the taking end has, from the start of the ring: most of it of joinable queues. */
export const GetWord = {
  taker: getEnd + 8,
  nextTaken: getEnd + 9,
  acknowledging: getEnd + 10,
  nextDone: getEnd + 11,
  nextAcknowledged: getEnd + 12,
  acknowledger: getEnd + 13,
  leavingUse: getEnd + 14,
} as const;

const facts = 32;

/** What belongs to neither end, from the start of the ring. */
export const Fact = {
  state: facts,
  kind: facts + 1,
  base: facts + 2,
  extents: facts + 3,
  capacity: facts + 4,
  puttersAsleep: facts + 6,
  gettersAsleep: facts + 7,
  chains: facts + 8,
  done: facts + 9,
  joinersAsleep: facts + 10,
  returned: facts + 11,
  delayed: facts + 12,
} as const;

/** From here on two words for each extent: whether it is used, and how many of its pages have memory. */
export const extentTable = 48;

/** Of all words of a ring. */
export const ringWords = extentTable + 2 * layout.ringExtents;

/**
 * Bits of the state: nothing will be put or given back any more; nothing will be taken any more; nothing will be put any
 * more, but what consumers have open may come again.
 */
export const ended = 1;
export const broken = 2;
export const draining = 4;

/** Behind the page of the ring's words a joinable queue has words of its own, in 32-bit words from the segment's start. */
export const ledgerWords = 4096 / 4;

/** Behind the 16 pages of the ledger: the words of the messages that a joinable queue keeps. */
export const keptWords = ledgerWords + 16 * (4096 / 4);
