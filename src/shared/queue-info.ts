/** What a queue is doing: how much waits, who has what open, and who waits, read from its words without its locks. */
import { layout, native } from '../native.js';
import { type Block, BlockKind, redeliverFlag } from './block.js';
import { BlockWord, headerUnits, KeptWord, keptWordCount, rulesIn, State, stateBit } from './delivery-layout.js';
import { draining, EndWord, ended, Fact, getEnd, keptWords, ledgerWords, ringWords } from './ring-layout.js';

/** A consumer with messages that it has not acknowledged. */
export interface ConsumerInfo {
  /** In the consumer's own pid namespace; `null` if its slot has a new owner since. */
  pid: number | null;
  /** What a dead one had is delivered again, or counts as done, at the next look: within 100 ms if a consumer waits. */
  alive: boolean;
  /** How many messages it has open. */
  messages: number;
}

/** What a queue is doing; all of it as of one moment only if nothing changes it meanwhile. */
export interface QueueInfo {
  /** Messages that wait to be taken now. */
  length: number;
  /** Messages that were ever put, and ever taken, modulo 2^32. A message that is delivered again counts once. */
  put: number;
  taken: number;
  /** How many fit; 0: as many as there is memory for. */
  maxsize: number;
  /** Bytes that messages may take; `null`: half of the shared memory that is free. */
  capacity: number | null;
  /** Whether nothing can be put any more. */
  ended: boolean;
  /** The pids of the threads that wait for a message, as far as the registry shows them (eight waits of each thread). */
  waitingReaders: number[];
  /** The same, of those that wait for room. */
  waitingWriters: number[];
}

/** What a JoinableQueue is doing. */
export interface JoinableQueueInfo extends QueueInfo {
  /** Messages that were put and are not done: they wait, are delayed, or are open. */
  unfinished: number;
  /** Messages that consumers took and did not acknowledge. */
  unacknowledged: number;
  /** Who has them. */
  consumers: ConsumerInfo[];
  /** Messages that were given back, and are not due yet. */
  delayed: number;
  /** Dead letters that are kept in this queue. */
  deadLetters: number;
  /** The pids of the threads that wait in `join`. */
  waitingJoins: number[];
  redeliver: boolean;
  /** `null`: without limit. */
  maxAttempts: number | null;
  /** Milliseconds; `null`: without limit. */
  lease: number | null;
  /** The name of the dead-letter queue; `null`: dead letters are kept, or go to a queue without a name. */
  deadLetter: string | null;
}

/** The memory of one queue. */
export interface QueueMemory {
  /** Of its block. */
  readonly flags: number;
  readonly maxsize: number;
  readonly joinable: boolean;
  /** So many words from the byte `offset` of its segment on; fewer where the segment ends. */
  words(offset: number, count: number): Int32Array;
  /** The pids of the threads that wait: for items, room, or the end of all work. */
  waiters(which: 0 | 1 | 2): number[];
}

/** What the queue in a block that this thread has open is doing. */
export function queueInfoOf({ segment, kind, flags, length, body }: Block): QueueInfo | JoinableQueueInfo {
  return queueInfo({
    flags,
    maxsize: length,
    joinable: kind === BlockKind.joinableQueue,
    words: (offset, count) => {
      if (offset + count * 4 <= segment.words.byteLength) return segment.words.slice(offset / 4, offset / 4 + count);
      const bytes = Math.min(count * 4, segment.size - offset);
      if (!(bytes > 0)) return new Int32Array(0);
      const buffer = segment.buffer(offset, bytes & ~3);
      const copy = new Int32Array(buffer).slice();
      segment.detach(buffer);
      return copy;
    },
    waiters: (which) => native.waitersFor(segment.id, body + 32 * which),
  });
}

const body = layout.firstBlock + layout.blockHeaderSize;

export function queueInfo(memory: QueueMemory): QueueInfo | JoinableQueueInfo {
  const ring = memory.words(body + layout.ringOffset, ringWords);
  const put = ring[EndWord.count] as number;
  const taken = ring[getEnd + EndWord.count] as number;
  const capacity = ((ring[Fact.capacity] as number) >>> 0) + (ring[Fact.capacity + 1] as number) * 2 ** 32;
  const info: QueueInfo = {
    // Of what was ever put, that was never taken; and what is to be delivered again.
    length: Math.max((put - taken) | 0, 0) + Math.max(ring[Fact.returned] as number, 0),
    put: put >>> 0,
    taken: taken >>> 0,
    maxsize: memory.maxsize,
    capacity: capacity === 0 ? null : capacity,
    ended: ((ring[Fact.state] as number) & (ended | draining)) !== 0,
    waitingReaders: memory.waiters(0),
    waitingWriters: memory.waiters(1),
  };
  if (!memory.joinable) return info;
  const kept = memory.words(keptWords * 4, keptWordCount);
  const rules = rulesIn(kept, 0);
  const consumers = consumersOf(memory, kept);
  return {
    ...info,
    unfinished: Math.max((put - (ring[Fact.done] as number)) | 0, 0),
    unacknowledged: consumers.reduce((sum, { messages }) => sum + messages, 0),
    consumers,
    delayed: Math.max(ring[Fact.delayed] as number, 0),
    deadLetters: Math.max(kept[KeptWord.dead - keptWords] as number, 0),
    waitingJoins: memory.waiters(2),
    redeliver: (memory.flags & redeliverFlag) !== 0,
    maxAttempts: rules.maxAttempts || null,
    lease: rules.lease || null,
    deadLetter: rules.deadLetter || null,
  };
}

/** Entries of the ledger of queues that do not redeliver; see `messaging/unfinished.ts`. */
const entries = 4096;
const entryWords = 4;

function consumersOf(memory: QueueMemory, kept: Int32Array): ConsumerInfo[] {
  const open = new Map<number, number>();
  const add = (owner: number, count: number) => open.set(owner, (open.get(owner) ?? 0) + count);
  if ((memory.flags & redeliverFlag) === 0) {
    const ledger = memory.words(ledgerWords * 4, entries * entryWords);
    for (let at = 0; at < ledger.length; at += entryWords) {
      const owes = ((ledger[at + 1] as number) - (ledger[at + 2] as number)) | 0;
      if (owes > 0) add(ledger[at] as number, owes);
    }
  }
  if ((kept[KeptWord.open - keptWords] as number) > 0) {
    const top = Math.max(kept[KeptWord.top - keptWords] as number, 0);
    const blocks = memory.words((kept[KeptWord.firstPage - keptWords] as number) * 4096, top * 2);
    // Whoever changes them meanwhile may show a size that is none: what is behind it is left out.
    for (let block = 0; block * 2 + headerUnits * 2 <= blocks.length; ) {
      const owner = blocks[block * 2 + BlockWord.owner] as number;
      if (owner > State.free && owner < stateBit) add(owner, 1);
      const size = blocks[block * 2 + BlockWord.size] as number;
      if (size < headerUnits) break;
      block += size;
    }
  }
  return [...open].map(([owner, messages]) => {
    const { pid, alive } = native.participant(owner);
    return { pid, alive, messages };
  });
}
