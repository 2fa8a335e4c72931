/**
 * Small anonymous objects share segments: an arena of 64 KiB, then of twice that, up to 4 MiB.
 *
 * Only the thread that made an arena allocates from it, so its books are ordinary JavaScript. A block whose handle never
 * left the thread is reused at once; one that was handed out, or that a forked child has, is not reused while its arena
 * lives, and the arena goes as a whole. So a stale handle is an error, never an alias.
 */
import { forks } from '../lifecycle/after-fork.js';
import { onReattach } from '../lifecycle/participant.js';
import { layout } from '../native.js';
import { Segment, SegmentKind } from './segment.js';

/** Blocks up to this size, header included, live in arenas. */
export const largestSmall = 4096;

const smallest = 64 * 1024;
const largest = 4 * 1024 * 1024;

/** A block of an arena of this thread. */
export interface ArenaBlock {
  readonly segment: Segment;
  /** In bytes from the start of the segment. */
  readonly offset: number;
  /** Gives the block back; `handedOut` says that others may know it. */
  free(handedOut: boolean): void;
}

class Arena {
  readonly segment: Segment;
  readonly #free = new Map<number, number[]>();
  #next = layout.firstBlock;
  #used = 0;

  constructor(size: number) {
    this.segment = Segment.create(SegmentKind.arena, size);
    this.segment.keepNameless();
  }

  take(size: number): ArenaBlock | undefined {
    let offset = this.#free.get(size)?.pop();
    if (offset === undefined) {
      if (this.#next + size > this.segment.size) return undefined;
      offset = this.#next;
      this.#next += size;
    }
    this.#used++;
    this.segment.retain();
    const place = offset;
    const born = forks;
    // Children got what was there when they were forked.
    const free = (handedOut: boolean) => this.#give(place, size, handedOut || forks !== born);
    return { segment: this.segment, offset: place, free };
  }

  get used(): number {
    return this.#used;
  }

  #give(offset: number, size: number, handedOut: boolean): void {
    this.#used--;
    const { words } = this.segment;
    if (!handedOut && !abandoned.has(this)) {
      // Kind and everything else become zero; the generation rises, so that no old description fits.
      const start = offset / 4;
      const generation = Atomics.load(words, start + 1);
      words.fill(0, start, start + size / 4);
      Atomics.store(words, start + 1, generation + 1);
      const places = this.#free.get(size);
      if (places === undefined) this.#free.set(size, [offset]);
      else places.push(offset);
    }
    this.segment.release();
    retireUnused(this);
  }
}

let arenas: Arena[] = [];
const abandoned = new WeakSet<Arena>();

// The parent goes on allocating from them: the child of a fork makes its own.
onReattach(() => {
  for (const arena of arenas) abandoned.add(arena);
  arenas = [];
});

/** Zeroed memory for a small object. `size` in bytes, a multiple of the block alignment, at most {@link largestSmall}. */
export function allocate(size: number): ArenaBlock {
  for (let i = arenas.length - 1; i >= 0; i--) {
    const block = arenas[i]?.take(size);
    if (block !== undefined) return block;
  }
  const last = arenas.at(-1);
  const arena = new Arena(last === undefined ? smallest : Math.min(last.segment.size * 2, largest));
  arenas.push(arena);
  return arena.take(size) as ArenaBlock;
}

/** An arena without objects goes, except the newest one: the next object would only make another. */
function retireUnused(arena: Arena): void {
  if (arena.used > 0 || arena === arenas.at(-1)) return;
  const index = arenas.indexOf(arena);
  if (index === -1) return;
  arenas.splice(index, 1);
  arena.segment.release();
}
