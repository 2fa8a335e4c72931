/** Where the words lie in which a joinable queue keeps messages that were taken: in its segment, and in each message's block. */
import { keptWords } from './ring-layout.js';

/** Words of the segment, from its start. */
export const KeptWord = {
  // Of the blocks' memory: how many pages it has, how many of these are backed, where the blocks end, in units of 8 bytes.
  pages: keptWords,
  reserved: keptWords + 1,
  top: keptWords + 2,
  /** Where the last search for room ended. */
  rover: keptWords + 3,
  /** Messages that consumers have open; dead letters. */
  open: keptWords + 4,
  dead: keptWords + 5,
  /** 1 + the first and the last block in the line of those that are ready. */
  first: keptWords + 6,
  last: keptWords + 7,
  /** Of the last delivery. */
  token: keptWords + 8,
  /** When the next lease or delay ends, as in a block; 0: there is none. A hint: it may be too early. */
  dueHigh: keptWords + 10,
  dueLow: keptWords + 11,
  maxAttempts: keptWords + 12,
  /** Where the blocks begin in the segment, in pages. */
  firstPage: keptWords + 13,
  /** In ms; as two words like a time; 0: no lease. */
  leaseHigh: keptWords + 14,
  leaseLow: keptWords + 15,
  journal: keptWords + 16,
  /** Bytes of the name of the dead-letter queue, and the name. */
  nameLength: keptWords + 48,
  name: keptWords + 49,
} as const;

export const nameBytes = 200;
/** Of all of these. */
export const keptWordCount = 49 + nameBytes / 4;

/** Words of a block's header. */
export const BlockWord = {
  /** In units of 8 bytes, header included. */
  size: 0,
  /** 0: free; the participant that has the message open; or a {@link State}. */
  owner: 1,
  /** The message's place in the order in which messages were taken from the ring; in 32 bits. */
  number: 2,
  /** How often the message was delivered. */
  attempts: 3,
  /** Another number for each delivery: what was taken before cannot be acknowledged by it. */
  token: 4,
  /** When the lease or the delay ends, in ms: multiples of 2^30, and the rest. */
  dueHigh: 5,
  dueLow: 6,
  /** 1 + the block that follows in the line of those that are ready; of a dead letter, 1 + the block with its reason. */
  link: 7,
  /** How many messages had been put when this one was given back: it goes behind those. Of dead letters: their order. */
  after: 8,
  flags: 9,
} as const;
export const headerUnits = 5;

/** No participant's id has this bit. */
export const stateBit = 1 << 30;
export const State = {
  free: 0,
  ready: stateBit,
  delayed: stateBit | 1,
  dead: stateBit | 2,
  reason: stateBit | 3,
} as const;

const high = 2 ** 30;

/** Two words as one number of milliseconds. */
export function timeIn(words: Int32Array, at: number): number {
  return (words[at] as number) * high + (words[at + 1] as number);
}

/** One number of milliseconds as two words. */
export function wordsOfTime(ms: number): readonly [number, number] {
  return [Math.floor(ms / high), ms % high];
}

/** What is decided when a queue is made; the same for all who open it. */
export interface DeliveryRules {
  /** How often a message is delivered at most; 0: without limit. */
  readonly maxAttempts: number;
  /** Milliseconds; 0: without limit. */
  readonly lease: number;
  /** The name of the dead-letter queue; empty: dead letters are kept, or go to a queue without a name. */
  readonly deadLetter: string;
}

/** The rules that the words of a queue say. `at`: of {@link keptWords} in these words. */
export function rulesIn(words: Int32Array, at = keptWords): DeliveryRules {
  const word = (which: number) => words[which - keptWords + at] as number;
  const length = Math.min(Math.max(word(KeptWord.nameLength), 0), nameBytes);
  const start = words.byteOffset + (KeptWord.name - keptWords + at) * 4;
  return {
    maxAttempts: Math.max(word(KeptWord.maxAttempts), 0),
    lease: Math.max(timeIn(words, KeptWord.leaseHigh - keptWords + at), 0),
    deadLetter: Buffer.from(words.buffer as ArrayBuffer, start, length).toString('latin1'),
  };
}
