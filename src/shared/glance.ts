/** What an anonymous object is doing, read from its file: opening it would make this process one of its users. */
import { fstatSync, readSync } from 'node:fs';
import { layout } from '../native.js';
import { BlockKind, isQueue, kindNames } from './block.js';
import { boardFlag, rowWords, stateWord, WorkerState, workersOn } from './board-layout.js';
import { isMap, type MapInfo, mapInfo, mapInfoWords } from './map-info.js';
import { type JoinableQueueInfo, type QueueInfo, queueInfo } from './queue-info.js';
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
  queue?: QueueInfo | JoinableQueueInfo;
  pool?: PoolInfo;
  map?: MapInfo;
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
    const queue = queueInfo({
      flags: flags as number,
      maxsize: length,
      joinable: kind === BlockKind.joinableQueue,
      words: (offset, count) => wordsAt(fd, offset, count),
      // The registry names what is waited for by what this process has open.
      waiters: () => [],
    });
    return { length: queue.length, queue };
  }
  if (isMap(kind as number)) return { map: mapInfo(wordsAt(fd, 0, mapInfoWords), kind as number) };
  if (kind === BlockKind.array && flags === boardFlag) {
    return { pool: poolOf(wordsAt(fd, body + layout.dataOffset, workersOn(length) * rowWords), length) };
  }
  return {};
}

/** How many objects of which class are in an arena. */
export function arenaObjects(file: string): Record<string, number> {
  return readOwn(file, countObjects) ?? {};
}

function countObjects(fd: number): Record<string, number> {
  const objects: Record<string, number> = {};
  const words = wordsAt(fd, 0, fstatSync(fd).size / 4);
  const step = layout.blockAlignment / 4;
  for (let at = layout.firstBlock / 4; at < words.length; ) {
    const kind = kindNames[words[at] as number];
    const size = layout.blockHeaderSize + (words[at + 6] as number);
    if (kind !== undefined) objects[kind] = (objects[kind] ?? 0) + 1;
    at += kind === undefined || size <= 0 ? step : Math.ceil(size / layout.blockAlignment) * step;
  }
  return objects;
}

/** @param length of the whole board, in words */
export function poolOf(rows: Int32Array, length: number): PoolInfo {
  const workers = Math.min(workersOn(length), Math.floor(rows.length / rowWords));
  let busy = 0;
  for (let row = 0; row < workers; row++) if (rows[row * rowWords + stateWord] === WorkerState.busy) busy++;
  return { workers, busy };
}

/** Zeros where the file ends too soon, or the number makes no sense. */
export function wordsAt(fd: number, position: number, count: number): Int32Array {
  const words = new Int32Array(Number.isSafeInteger(count) && count > 0 && count < 1 << 20 ? count : 0);
  readSync(fd, words, 0, words.byteLength, position);
  return words;
}
