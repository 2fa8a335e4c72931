/** What a map is doing, read from its words without its locks. */
import { type Block, BlockKind } from './block.js';
import { MapWord, pageBytes, ShardWord, shardsAt, shardWords } from './map-layout.js';

/** What a SharedMap or a RateLimiter is doing. */
export interface MapInfo {
  /** Entries, also those that have expired and that nothing has met since. */
  entries: number;
  /** Bytes that entries take, with their keys, headers and padding. */
  bytes: number;
  /** Bytes that entries may take. */
  capacity: number;
  /** Reads that found a value, and that found none, as far as their processes have told. */
  hits: number;
  misses: number;
  /** Entries that had to go for others. */
  evictions: number;
  expired: number;
  /** `null`: as many as there is memory for. */
  maxEntries: number | null;
  /** Milliseconds after which entries expire; `null`: never. Of a rate limiter, its duration. */
  ttl: number | null;
  /** Of a rate limiter: what a key may spend within the duration. */
  points: number | null;
  eviction: 'lru' | 'none';
}

/** Whether its body is a map. */
export function isMap(kind: number): boolean {
  return kind === BlockKind.sharedMap || kind === BlockKind.rateLimiter;
}

/** What the map in a block that this thread has open is doing. */
export function mapInfoOf({ segment, kind }: Block): MapInfo {
  return mapInfo(segment.words, kind);
}

/** Words from the start of the segment that {@link mapInfo} looks at. */
export const mapInfoWords: number = shardsAt + 256 * shardWords;

export function mapInfo(words: Int32Array, kind: number): MapInfo {
  const buffer = words.buffer as ArrayBuffer;
  const doubles = new Float64Array(buffer, 0, shardsAt / 2);
  const counters = new BigInt64Array(buffer, 0, shardsAt / 2);
  const counter = (i: number) => Number(counters[MapWord.counters / 2 + i]);
  const sum = (word: number) => {
    let all = 0;
    const shards = 1 << Math.min(Math.max(words[MapWord.shardBits] as number, 0), 8);
    for (let i = 0; i < shards; i++) all += Math.max(words[shardsAt + i * shardWords + word] ?? 0, 0);
    return all;
  };
  return {
    entries: sum(ShardWord.entries),
    bytes: sum(ShardWord.units) * 16,
    capacity: (words[MapWord.capacityPages] as number) * pageBytes,
    hits: counter(0),
    misses: counter(1),
    evictions: counter(2),
    expired: counter(3),
    maxEntries: words[MapWord.maxEntries] || null,
    ttl: doubles[MapWord.ttl / 2] || null,
    points: kind === BlockKind.rateLimiter ? (doubles[MapWord.points / 2] as number) : null,
    eviction: words[MapWord.eviction] === 0 ? 'lru' : 'none',
  };
}
