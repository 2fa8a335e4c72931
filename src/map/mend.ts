/**
 * Repair by the next owner of a dead owner's lock: derives everything again from the links.
 *
 * Entries that no link reaches, and pages without entries, are free then. The order of eviction is that of the
 * versions.
 */
import {
  blocksOfClass,
  EntryWord,
  firstPageOfRegion,
  Meta,
  PageClass,
  pageBytes,
  regionPages,
  ShardWord,
  unitsOfClass,
} from '../shared/map-layout.js';
import type { MapCore } from './core.js';

/** @throws MultiprocError `ERR_MULTIPROC_SEGMENT` if the links are damaged; what they derive is then as it was */
export function mend(core: MapCore, shard: number): void {
  const { memory, blocks, pages } = core;
  const { words, doubles } = memory;
  const at = memory.shardAt(shard);
  const table = words[at + ShardWord.table] as number;
  const reached = reach(core, shard, table);

  // From here on only the derived words change.
  for (let size = 0; size < blocksOfClass.length; size++) words[at + ShardWord.partial + size] = 0;
  const used = new Set<number>(reached.entries);
  let ownPages = 0;
  const freed: number[] = [];
  for (let region = 1; region <= memory.regions; region++) {
    for (let i = firstPageOfRegion; i < regionPages; i++) {
      const page = region * regionPages + i;
      const state = memory.stateOf(page);
      if (state >> 8 !== shard + 1) continue;
      if (!reached.pages.has(page)) {
        freed.push(page);
        continue;
      }
      ownPages++;
      const size = state & 0xff;
      if (size < blocksOfClass.length) blocks.restore(shard, page, size, (block) => used.has(block));
    }
  }
  if (freed.length > 0) pages.give(freed.map((page) => ({ page, count: 1 })));

  const order = [...reached.entries].sort(
    (one, other) =>
      ((words[(one << 2) + EntryWord.version] as number) - (words[(other << 2) + EntryWord.version] as number)) | 0,
  );
  let version = words[at + ShardWord.version] as number;
  let units = 0;
  let expiring = 0;
  for (const [i, block] of order.entries()) {
    const entry = block << 2;
    words[entry + EntryWord.older] = order[i - 1] ?? 0;
    words[entry + EntryWord.newer] = order[i + 1] ?? 0;
    // A number may have been changed without its version.
    version = (version + 1) | 0 || 1;
    words[entry + EntryWord.version] = version;
    units += reached.units[i] as number;
    if (doubles[(entry + EntryWord.expires) >> 1] !== 0) expiring++;
  }
  words[at + ShardWord.version] = version;
  words[at + ShardWord.oldest] = order[0] ?? 0;
  words[at + ShardWord.newest] = order.at(-1) ?? 0;
  words[at + ShardWord.sweep] = 0;
  words[at + ShardWord.entries] = order.length;
  words[at + ShardWord.units] = units;
  words[at + ShardWord.pages] = ownPages;
  words[at + ShardWord.expiring] = expiring;
  // A reader may be in the midst of what was freed.
  Atomics.store(words, at + ShardWord.sequence, ((words[at + ShardWord.sequence] as number) + 1) | 0);
}

interface Reached {
  /** Blocks of entries. */
  readonly entries: readonly number[];
  /** Of each entry. */
  readonly units: readonly number[];
  readonly pages: ReadonlySet<number>;
}

/** Walks all links of a shard, and checks what they lead to. */
function reach(core: MapCore, shard: number, table: number): Reached {
  const { memory, blocks } = core;
  const { words } = memory;
  const at = memory.shardAt(shard);
  const entries: number[] = [];
  const units: number[] = [];
  const pages = new Set<number>();
  const seen = new Set<number>();
  const bits = table & 31;
  if (core.bucketWord(at, table, 0) === 0) throw memory.damaged('a table lies outside of its memory');
  for (let i = 0; i < (1 << bits) >> 10; i++) {
    const page = (table >>> 6) + i;
    if (memory.stateOf(page) !== (((shard + 1) << 8) | PageClass.table)) {
      throw memory.damaged('a table lies in pages of another kind');
    }
    pages.add(page);
  }
  const next = EntryWord.next + ((table >>> 5) & 1);
  for (let bucket = 0; bucket < 1 << bits; bucket++) {
    let block = words[core.bucketWord(at, table, bucket)] as number;
    while (block !== 0) {
      if (seen.has(block)) throw memory.damaged('an entry is in two chains');
      seen.add(block);
      checkEntry(core, shard, block, bucket, bits);
      const entry = block << 2;
      entries.push(block);
      if (((words[entry + EntryWord.meta] as number) & Meta.large) === 0) {
        pages.add(block >>> 8);
        units.push(unitsOfClass[memory.stateOf(block >>> 8) & 0xff] as number);
      } else {
        let all = 0;
        for (const { page, count } of blocks.runsOf(shard, block)) {
          for (let i = 0; i < count; i++) {
            if (pages.has(page + i)) throw memory.damaged('a page belongs to two entries');
            pages.add(page + i);
          }
          all += count * (pageBytes / 16);
        }
        units.push(all);
      }
      block = words[entry + next] as number;
    }
  }
  return { entries, units, pages };
}

function checkEntry(core: MapCore, shard: number, block: number, bucket: number, bits: number): void {
  const { memory } = core;
  const { words } = memory;
  const page = block >>> 8;
  if (block >>> 27 !== 0 || !core.canBegin(block << 2) || !memory.hasPage(page)) {
    throw memory.damaged('a chain of entries leads elsewhere');
  }
  const hash = words[block << 2] as number;
  if ((hash & ((1 << bits) - 1)) !== bucket || (hash >>> 1) >>> memory.shardShift !== shard) {
    throw memory.damaged('an entry is in a chain of others');
  }
  const state = memory.stateOf(page);
  const size = state & 0xff;
  const meta = words[(block << 2) + EntryWord.meta] as number;
  const isLarge = (meta & Meta.large) !== 0;
  const units = unitsOfClass[size];
  const fits = isLarge
    ? size === PageClass.first && (block & 255) === 0
    : units !== undefined && (block & 255) % units === 0;
  if (state >> 8 !== shard + 1 || !fits) throw memory.damaged('an entry lies in a page of another kind');
}
