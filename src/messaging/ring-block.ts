/** The block of a ring: how it is made or opened, and what its words say about the memory behind them. */
import { MultiprocError } from '../errors.js';
import { layout } from '../native.js';
import { Block, BlockKind, type Mode, mismatch, type NameOptions, redeliverFlag } from '../shared/block.js';
import { type DeliveryRules, rulesIn } from '../shared/delivery-layout.js';
import { extentTable, Fact } from '../shared/ring-layout.js';
import { Deliveries } from './deliveries.js';
import {
  defaultCapacity,
  Extents,
  type Geometry,
  geometryFor,
  sizeOf,
  smallestExtent,
  startOfExtents,
} from './extents.js';
import { sizeOfBlocks } from './kept-blocks.js';

export interface RingOptions extends NameOptions {
  /** Messages that fit; 0: as many as there is memory for. */
  maxsize: number;
  /** Bytes of memory for messages; default: half of the free shared memory. */
  capacity?: number | undefined;
  /** Goes on in further memory rather than waiting for the reader. Otherwise only what is larger than all does. */
  chains: boolean;
  /** Of a joinable queue: what a dead consumer took is delivered again. */
  redeliver?: boolean | undefined;
  /** Of a joinable queue; those that are there are compared on opening. */
  rules?: Partial<DeliveryRules> | undefined;
  /** A number for the ring's user. */
  kind?: number | undefined;
}

/** Opens or makes the block of a ring. */
export function obtainRing(mode: Mode, kind: BlockKind, options: RingOptions): Block {
  const capacity = options.capacity ?? 0;
  const geometry = geometryFor(capacity === 0 ? defaultCapacity() : capacity);
  const first = startOfExtents(kind);
  const joinable = kind === BlockKind.joinableQueue;
  const blocks = joinable ? sizeOfBlocks(capacity === 0 ? defaultCapacity() : capacity) : 0;
  const size = first - layout.firstBlock - layout.blockHeaderSize + sizeOf(geometry) + blocks;
  const reserved = first + geometry.base;
  const flags = options.redeliver === true ? redeliverFlag : 0;
  const shape = { kind, type: options.kind ?? 0, flags, length: options.maxsize, size, reserved };
  const block = Block.obtain(mode, shape, options, (made) => {
    init(made, geometry, capacity, options.chains);
    if (joinable)
      Deliveries.init(made.segment.words, first + sizeOf(geometry), blocks, { ...noRules, ...options.rules });
  });
  const is = capacityOf(wordsOf(block));
  if (is !== capacity && mode !== 'open') mismatch(block, 'capacity', describeCapacity(capacity), describeCapacity(is));
  if (joinable && mode !== 'open') compareRules(block, options.rules);
  return block;
}

const noRules: DeliveryRules = { maxAttempts: 0, lease: 0, deadLetter: '' };

function compareRules(block: Block, rules: Partial<DeliveryRules> | undefined): void {
  const is = rulesIn(block.segment.words);
  for (const rule of ['maxAttempts', 'lease', 'deadLetter'] as const) {
    const wanted = rules?.[rule];
    if (wanted !== undefined && wanted !== is[rule]) mismatch(block, rule, wanted || 'none', is[rule] || 'none');
  }
}

/** The memory behind the words of a ring. */
export interface RingMemory {
  readonly extents: Extents;
  /** Bytes. */
  readonly capacity: number;
  /** Whether the capacity was asked for, rather than half of what was free. */
  readonly hasOwnCapacity: boolean;
  /** Whether a put goes on in further memory rather than waiting for the reader. */
  readonly chains: boolean;
  /** Where the memory behind the extents begins in the segment, in bytes. */
  readonly end: number;
}

/**
 * What the words say, checked.
 *
 * @throws MultiprocError `ERR_MULTIPROC_SEGMENT` for memory that holds no ring
 */
export function ringMemory(block: Block, words: Int32Array, at: number): RingMemory {
  const geometry = { base: words[at + Fact.base] as number, count: words[at + Fact.extents] as number };
  const first = startOfExtents(block.kind);
  checkGeometry(block, first, geometry);
  const ownCapacity = capacityOf(words, at);
  const capacity = ownCapacity || defaultCapacity();
  return {
    extents: new Extents(block.segment, first, geometry, capacity, at + extentTable),
    capacity,
    hasOwnCapacity: ownCapacity !== 0,
    chains: words[at + Fact.chains] !== 0,
    end: first + sizeOf(geometry),
  };
}

function init(block: Block, geometry: Geometry, capacity: number, chains: boolean): void {
  const words = wordsOf(block);
  words[Fact.base] = geometry.base;
  words[Fact.extents] = geometry.count;
  words[Fact.capacity] = capacity | 0;
  words[Fact.capacity + 1] = Math.floor(capacity / 2 ** 32);
  words[Fact.kind] = 0;
  words[Fact.chains] = chains ? 1 : 0;
  words[extentTable] = 1;
  const pages = geometry.base / 4096;
  words[extentTable + 1] = capacity === 0 ? pages : Math.min(pages, Math.ceil(capacity / 4096));
}

function wordsOf(block: Block): Int32Array {
  return block.segment.words.subarray((block.body + layout.ringOffset) / 4);
}

function capacityOf(words: Int32Array, at = 0): number {
  return ((words[at + Fact.capacity] as number) >>> 0) + (words[at + Fact.capacity + 1] as number) * 2 ** 32;
}

function describeCapacity(capacity: number): string {
  return capacity === 0 ? 'the default' : `${capacity}`;
}

function checkGeometry(block: Block, first: number, { base, count: extents }: Geometry): void {
  const sound =
    base === smallestExtent &&
    extents >= 1 &&
    extents <= layout.ringExtents &&
    first + sizeOf({ base, count: extents }) <= block.segment.size;
  if (sound) return;
  throw new MultiprocError(`/dev/shm/${block.segment.fileName} cannot be used: the ring in it has impossible sizes`, {
    code: 'ERR_MULTIPROC_SEGMENT',
  });
}
