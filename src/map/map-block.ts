/** The block of a map: how it is made or opened, and how its options are compared. */
import { randomBytes } from '../lifecycle/random-bytes.js';
import { layout } from '../native.js';
import { checkedBy, type Kind, positiveInteger } from '../options/kinds.js';
import { Block, type BlockKind, type Mode, mismatch, type NameOptions } from '../shared/block.js';
import {
  MapWord,
  mapGeometry,
  mapVersion,
  maxCapacity,
  minCapacity,
  ownTableBits,
  ShardWord,
  shardsAt,
  shardWords,
} from '../shared/map-layout.js';

/** Bytes of a map's entries. */
export const capacityKind: Kind<number> = checkedBy((value, name) => {
  positiveInteger.check(value, name);
  if ((value as number) >= minCapacity && (value as number) <= maxCapacity) return;
  throw new RangeError(`Expected "${name}" to be from ${minCapacity} to ${maxCapacity} bytes, got ${value}`);
});

/** Shape of a map. */
export interface MapShape {
  /** Bytes. */
  readonly capacity: number;
  /** 0: without limit. */
  readonly maxEntries: number;
  /** Milliseconds; 0: entries do not expire. Of a rate limiter, the duration. */
  readonly ttl: number;
  /** Points of a rate limiter. */
  readonly points: number;
  readonly evicts: boolean;
}

/** Fewer entries than this in a shard would make its limit differ too much from its share. */
const minEntriesOfShard = 1024;

/**
 * Opens or makes the block of a map.
 *
 * @param given options of the caller, which are compared with those of a map that exists
 */
export function obtainMap(
  mode: Mode,
  kind: BlockKind,
  shape: MapShape,
  given: { readonly [Option in keyof MapShape]?: string },
  options: NameOptions | undefined,
): Block {
  const { pages, shardBits, size } = mapGeometry(shape.capacity, mostShards(shape));
  const block = Block.obtain(
    mode,
    {
      kind,
      type: 0,
      flags: 0,
      length: 0,
      size: size - layout.firstBlock - layout.blockHeaderSize,
      reserved: (shardsAt + (shardWords << shardBits)) * 4,
    },
    options,
    (made) => init(made, shape, pages, shardBits),
  );
  compare(block, shape, given);
  return block;
}

/** Reads the shape from the words. */
export function shapeOf({ segment: { words } }: Block): MapShape {
  const doubles = new Float64Array(words.buffer as ArrayBuffer, 0, 1024);
  return {
    capacity: doubles[MapWord.capacity / 2] as number,
    maxEntries: words[MapWord.maxEntries] as number,
    ttl: doubles[MapWord.ttl / 2] as number,
    points: doubles[MapWord.points / 2] as number,
    evicts: words[MapWord.eviction] === 0,
  };
}

function mostShards({ maxEntries, evicts }: MapShape): number {
  if (maxEntries === 0) return Infinity;
  // A limit that is to be exact is counted in one place.
  return evicts ? Math.max(maxEntries / minEntriesOfShard, 1) : 1;
}

function init(block: Block, shape: MapShape, pages: number, shardBits: number): void {
  const { words } = block.segment;
  const doubles = block.segment.view(Float64Array);
  words[MapWord.version] = mapVersion;
  words[MapWord.shardBits] = shardBits;
  words[MapWord.capacityPages] = pages;
  words[MapWord.maxEntries] = shape.maxEntries;
  words[MapWord.eviction] = shape.evicts ? 0 : 1;
  const seed = randomBytes(8);
  words[MapWord.seed] = seed.readInt32LE(0);
  words[MapWord.seed + 1] = seed.readInt32LE(4);
  doubles[MapWord.capacity / 2] = shape.capacity;
  doubles[MapWord.ttl / 2] = shape.ttl;
  doubles[MapWord.points / 2] = shape.points;
  for (let shard = 0; shard < 1 << shardBits; shard++) {
    words[shardsAt + shard * shardWords + ShardWord.table] = ownTableBits;
  }
}

function compare(block: Block, shape: MapShape, given: { readonly [Option in keyof MapShape]?: string }): void {
  const is = shapeOf(block);
  for (const option of ['capacity', 'maxEntries', 'ttl', 'points', 'evicts'] as const) {
    const name = given[option];
    if (name === undefined || is[option] === shape[option]) continue;
    if (option === 'evicts') mismatch(block, name, shape.evicts ? "'lru'" : "'none'", is.evicts ? "'lru'" : "'none'");
    mismatch(block, name, shape[option] || 'none', is[option] || 'none');
  }
}
