/** Where the words of a SharedMap lie in its segment: the one place where `sync::MapWords` is said again. */

/** Bytes of a page; blocks are counted in units of 16 bytes. */
export const pageBytes = 4096;
/** Words of the map's header, from the start of the segment. */
const head = 320 / 4;

export const MapWord = {
  /** Guards what of the pages belongs to no shard: which are free, and which have memory. */
  pageLock: head,
  /** Of this layout. */
  version: head + 1,
  /** Binary logarithm of the number of shards. */
  shardBits: head + 2,
  /** Pages that entries may take. */
  capacityPages: head + 3,
  /** 0: without limit. */
  maxEntries: head + 4,
  eviction: head + 5,
  /** Key of the hash function. */
  seed: head + 6,
  /** As given, in bytes: a double. */
  capacity: head + 8,
  /** As given, in milliseconds: a double; 0: none. Of a RateLimiter, the duration. */
  ttl: head + 10,
  /** Of a RateLimiter, the points: a double. */
  points: head + 12,
  /** Derived: pages in use, free pages that have memory, regions whose descriptors have memory, where to look next. */
  usedPages: head + 16,
  backedPages: head + 17,
  regions: head + 18,
  rover: head + 19,
  /** When a page was freed last: seconds on the monotonic clock. */
  freedAt: head + 20,
  /** Counters of 64 bits: hits, misses, evictions, expired. */
  counters: head + 24,
} as const;

export const mapVersion = 1;

/** Slots of computations: four words each. */
export const slotsAt = 1024 / 4;
export const slotWords = 4;
export const slotCount = 512;
/** Words of a slot: a count that is raised when a computation ends, and who computes what. */
export const SlotWord = { turn: 0, owner: 1, hash: 2 } as const;

export const shardsAt = slotsAt + slotWords * slotCount;
export const shardWords = 128;

/** Words of a shard. */
export const ShardWord = {
  lock: 0,
  /** Raised after something was unlinked, and before its memory is used again: what readers validate by. */
  sequence: 1,
  /** The hash table: bits 0–4 its binary logarithm, bit 5 which of an entry's two links it uses, bits 6–31 its page; 0: below. */
  table: 2,
  // What follows is derived from the links.
  entries: 3,
  /** Units of 16 bytes that entries take. */
  units: 4,
  pages: 5,
  newest: 6,
  oldest: 7,
  version: 9,
  sweep: 10,
  /** Entries that expire. */
  expiring: 11,
  /** Of each size class, the first page that has free blocks. */
  partial: 16,
} as const;
/** The buckets of a small shard lie in the shard itself. */
export const ownTable = 64;
export const ownTableBits = 6;

/** Words of an entry, from its block's start. */
export const EntryWord = {
  hash: 0,
  /** Of two tables: a table that grows is built with the links that are not in use. */
  next: 1,
  older: 3,
  newer: 4,
  meta: 5,
  valueLength: 6,
  version: 7,
  /** A double: milliseconds on the monotonic clock; 0: never. */
  expires: 8,
  /** Of an entry in pages of its own: pages of its first run, and the page of the next run. */
  runPages: 10,
  nextRun: 11,
  key: 12,
} as const;
export const entryBytes = 48;
/** Bytes at the start of each further run of pages: its pages, the next run. */
export const runBytes = 16;

/** Parts of an entry's `meta`: the value's tag, the class of a view, the key's type and length, flags. */
export const Meta = {
  viewShift: 8,
  keyTypeShift: 13,
  keyLengthShift: 16,
  /** Both of the key. */
  keyMask: 0x07ff_e000,
  large: 1 << 27,
  live: 1 << 28,
} as const;

/** A region: 256 pages, of which the first has their descriptors, and the next four the marks of recently used blocks. */
export const regionPages = 256;
export const regionBytes = regionPages * pageBytes;
export const firstPageOfRegion = 5;
export const dataPagesOfRegion = regionPages - firstPageOfRegion;

/** Words of a page's descriptor. */
export const PageWord = { state: 0, next: 1, previous: 2, blocks: 3 } as const;
/** States of a page; others are `(shard + 1) << 8 | class`. */
export const PageState = { hole: 0, free: 1 } as const;
/** Classes of pages that are not divided into blocks. */
export const PageClass = { table: 61, first: 62, further: 63 } as const;

/** How many blocks of each size class fill a page. */
export const blocksOfClass = [
  64, 51, 42, 36, 32, 28, 25, 23, 21, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2,
] as const;
/** Their size in units of 16 bytes. */
export const unitsOfClass: readonly number[] = blocksOfClass.map((blocks) => Math.floor(pageBytes / blocks / 16));
/** Larger entries have pages of their own. */
export const maxBlockUnits = unitsOfClass.at(-1) as number;

/** Upper bound of the capacity: a segment is seen through one buffer, whose offsets have 31 bits. */
export const maxCapacity = 2000 * 1024 * 1024;
export const minCapacity = 64 * 1024;

/** How a map of this capacity is laid out. */
export function mapGeometry(capacity: number, mostShards: number): { pages: number; shardBits: number; size: number } {
  const pages = Math.ceil(capacity / pageBytes);
  const shardBits = Math.floor(Math.log2(Math.min(Math.max(pages / 512, 1), mostShards, 256)));
  const regions = Math.ceil(pages / dataPagesOfRegion);
  return { pages, shardBits, size: (1 + regions) * regionBytes };
}
