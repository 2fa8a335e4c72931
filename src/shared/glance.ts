/** What an anonymous object is doing, read from its file: opening it would make this process one of its users. */
import { readSync } from 'node:fs';
import { layout } from '../native.js';
import { BlockKind, isQueue } from './block.js';
import { boardFlag, rowWords, stateWord, WorkerState, workersOn } from './board-layout.js';
import { EndWord, Fact, getEnd, ringWords } from './ring-layout.js';
import { readOwn } from './shm-folder.js';

/** What a pool is doing. */
export interface PoolInfo {
  /** How many it is to have. */
  workers: number;
  /** Workers that run a task. */
  busy: number;
}

/** As far as it can be told from outside. */
export interface Glance {
  /** Messages of a queue. */
  length?: number;
  pool?: PoolInfo;
}

/** Looks at the one object in this file in /dev/shm; what cannot be read tells nothing. */
export function glance(file: string): Glance {
  return readOwn(file, look) ?? {};
}

function look(fd: number): Glance {
  const header = wordsAt(fd, layout.firstBlock, layout.blockHeaderSize / 4);
  const [kind, , , flags, length = 0] = header;
  const body = layout.firstBlock + layout.blockHeaderSize;
  if (isQueue(kind as number)) {
    return { length: messagesIn(wordsAt(fd, body + layout.ringOffset, ringWords), 0) };
  }
  if (kind === BlockKind.array && flags === boardFlag) {
    return { pool: poolOf(wordsAt(fd, body + layout.dataOffset, workersOn(length) * rowWords)) };
  }
  return {};
}

/** @param ring the index of the ring's first word */
export function messagesIn(words: Int32Array, ring: number): number {
  // What was ever put, less what was ever taken, and what is to be delivered again.
  const taken = Atomics.load(words, ring + getEnd + EndWord.count);
  const put = Atomics.load(words, ring + EndWord.count);
  return Math.max((put - taken) | 0, 0) + Atomics.load(words, ring + Fact.returned);
}

function poolOf(rows: Int32Array): PoolInfo {
  const workers = rows.length / rowWords;
  let busy = 0;
  for (let row = 0; row < workers; row++) if (rows[row * rowWords + stateWord] === WorkerState.busy) busy++;
  return { workers, busy };
}

/** Zeros where the file ends too soon, or the number makes no sense. */
function wordsAt(fd: number, position: number, count: number): Int32Array {
  const words = new Int32Array(Number.isSafeInteger(count) && count > 0 && count < 1 << 20 ? count : 0);
  readSync(fd, words, 0, words.byteLength, position);
  return words;
}
