/** A block is one object in shared memory: a checked header that says what it is, and a body. */
import { ClosedError, MultiprocError, SystemError } from '../errors.js';
import { layout, native } from '../native.js';
import { checkedBy, type Kind } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import type { Departure, Handle, HandleKind } from '../serialize/handles.js';
import { keeper } from '../serialize/keeper.js';
import { allocate, largestSmall } from './arena.js';
import { checkName, fileOfName, namedPrefix } from './names.js';
import { Segment, SegmentKind } from './segment.js';

/** What a block holds; the values of `sync::BlockKind`. Later kinds are added here and there. */
export const BlockKind = {
  lock: 1,
  rlock: 2,
  semaphore: 3,
  boundedSemaphore: 4,
  value: 5,
  array: 6,
  event: 9,
  condition: 10,
  barrier: 11,
  queue: 16,
  simpleQueue: 18,
  pipe: 19,
  joinableQueue: 20,
  sharedMap: 21,
  rateLimiter: 22,
} as const;
export type BlockKind = (typeof BlockKind)[keyof typeof BlockKind];

/** The class that a kind of block belongs to, for messages and listings. */
export const kindNames: Readonly<Record<number, string>> = {
  1: 'Lock',
  2: 'RLock',
  3: 'Semaphore',
  4: 'BoundedSemaphore',
  5: 'Value',
  6: 'Array',
  9: 'Event',
  10: 'Condition',
  11: 'Barrier',
  16: 'Queue',
  17: 'JoinableQueue of an earlier version of multiproc',
  18: 'SimpleQueue',
  19: 'Pipe',
  20: 'JoinableQueue',
  21: 'SharedMap',
  22: 'RateLimiter',
};

/** The word, the depth and a scalar; the robust semaphores' tables and the arrays have other ways. */
const smallBody = 32;

/** `flags` of a semaphore whose permits name their holders. */
export const robustFlag = 1;

/** `flags` of a condition over a lock that the user gave. */
export const givenLockFlag = 2;

/** `flags` of a barrier that was made with an action. */
export const actionFlag = 4;

/** `flags` of a joinable queue that delivers again what dead consumers had. */
export const redeliverFlag = 1;

/** The method by which an object of ours shows its block to `inspect`. Fails with `ClosedError` after `close()`. */
export const blockOf: unique symbol = Symbol('multiproc.blockOf');

/** What a block is, as its header says. */
export interface Shape {
  readonly kind: BlockKind;
  /** The typecode's character code; for structs as `struct-block.ts` says; 0 where there is none. */
  readonly type: number;
  readonly flags: number;
  /** Elements; the initial value of a semaphore; the parties of a barrier. */
  readonly length: number;
  /** Bytes of the body. */
  readonly size: number;
  /** Of an object in a sparse segment: so many bytes of the segment are backed by memory at first. */
  readonly reserved?: number;
  /** Of structs, whose layout is in the block as text: what is wanted, and what reads that of a block. */
  readonly structs?: { readonly text: string; readonly textIn: (block: Block) => string };
}

/** Every shared object takes these last. */
export interface NameOptions {
  /** Letters, digits, `.`, `_`, `-`, at most 200; a leading `/` means the same. Without: anonymous. */
  name?: string | undefined;
}

/** How a constructor gets its block: `new X` opens or creates, `X.create` fails with `EEXIST`, `X.open` with `ENOENT`. */
export type Mode = 'open-or-create' | 'create' | 'open';

/** One object in a segment, as this thread has it. Reference-counted: a value and its lock share one. */
export class Block implements Shape {
  readonly kind: BlockKind;
  readonly generation: number;
  readonly type: number;
  readonly flags: number;
  readonly length: number;
  readonly size: number;
  readonly segment: Segment;
  /** Of the block's header in the segment, in bytes. */
  readonly offset: number;
  /** Of the body in the segment, in bytes. */
  readonly body: number;
  /** The user's name for it; `undefined` for an anonymous one. */
  readonly name: string | undefined;

  #users = 1;
  #handedOut = false;
  readonly #free: (handedOut: boolean) => void;

  private constructor(
    segment: Segment,
    offset: number,
    facts: readonly [number, number, number, number, number, number],
    name: string | undefined,
    free: (handedOut: boolean) => void,
  ) {
    this.segment = segment;
    this.offset = offset;
    this.body = offset + layout.blockHeaderSize;
    this.kind = facts[0] as BlockKind;
    this.generation = facts[1];
    this.type = facts[2];
    this.flags = facts[3];
    this.length = facts[4];
    this.size = facts[5];
    this.name = name;
    this.#free = free;
  }

  /**
   * Gets the block that a constructor asks for.
   *
   * @param init fills the body of a block that was just made, before anybody else can see it
   * @throws MultiprocError `ERR_MULTIPROC_NAME`; `ERR_MULTIPROC_KIND` if the object with this name is another one
   * @throws SystemError `EEXIST`, `ENOENT` as the mode says; `ENOSPC` when /dev/shm is full
   */
  static obtain(mode: Mode, shape: Shape, options: NameOptions | undefined, init: (block: Block) => void): Block {
    const name = nameOf(options);
    if (name === undefined) return Block.#anonymous(shape, init);
    for (;;) {
      if (mode === 'open-or-create') {
        const existing = Block.#tryOpen(name);
        if (existing !== undefined) return matching(existing, shape);
      }
      const made = Block.#own(shape, name, init);
      if (made.segment.publish(fileOfName(name))) return made;
      made.release();
      if (mode === 'create') throw nameTaken(name);
    }
  }

  /**
   * Opens the named block, whatever its shape beside the kind; without `kind`, whatever it is.
   *
   * @throws SystemError `ENOENT`
   * @throws MultiprocError `ERR_MULTIPROC_KIND`
   */
  static open(name: string, kind?: BlockKind): Block {
    const plain = checkName(name);
    const block = Block.#tryOpen(plain);
    if (block === undefined) throw nameMissing(plain, 'open');
    if (kind !== undefined && block.kind !== kind)
      return mismatch(block, 'kind', kindNames[kind], kindNames[block.kind]);
    return block;
  }

  /** Removes the name. Those who have the object open go on using it. `ENOENT` if there is none. */
  static unlink(name: string): void {
    const plain = checkName(name);
    if (!unlinkIfThere(plain)) throw nameMissing(plain, 'unlink');
  }

  /**
   * Attaches the block that a handle names.
   *
   * @throws SystemError `ENOENT` if it is gone
   * @throws MultiprocError `ERR_MULTIPROC_SEGMENT` if the handle is stale or damaged
   */
  static arrive(handle: Handle, kind: BlockKind): Block {
    const segment = openOfHandle(handle.file);
    try {
      if (segment.inode !== handle.inode) throw staleHandle();
      const block = Block.#at(segment, handle.offset, userName(handle.file), () => segment.release());
      if (block.generation !== handle.generation) throw staleHandle();
      if (block.kind !== kind) throw unusable(segment, `it holds a ${kindNames[block.kind]}, not a ${kindNames[kind]}`);
      if (handle.sender !== 0) segment.receive(handle.sender);
      // Whoever got a handle may pass it on: the maker must not reuse the block.
      block.#handedOut = true;
      return block;
    } catch (error) {
      segment.release();
      throw error;
    }
  }

  /** One more object of this thread uses the block. */
  retain(): this {
    this.#users++;
    return this;
  }

  /** One object less; after the last, the block is let go. */
  release(): void {
    if (--this.#users === 0) this.#free(this.#handedOut);
  }

  /**
   * Gives a handle away. Until it arrives the memory counts as open, whatever is closed here meanwhile.
   *
   * @param flags the class's own bits
   * @param nested other objects that the receiver needs
   */
  depart(kind: HandleKind, flags = 0, nested: readonly object[] = []): Departure {
    this.#handedOut = true;
    const { segment, offset, generation } = this;
    const sender = keeper();
    segment.send(sender);
    return {
      handle: { kind, file: segment.fileName, inode: segment.inode, offset, generation, sender, flags, nested },
      cancel: () => segment.receive(sender),
    };
  }

  /** Removes the name; for an anonymous one there is nothing to remove. */
  unlink(): void {
    if (this.name !== undefined) Block.unlink(this.name);
  }

  static #anonymous(shape: Shape, init: (block: Block) => void): Block {
    const size = align(layout.blockHeaderSize + shape.size);
    if (size > largestSmall) {
      const block = Block.#own(shape, undefined, init);
      block.segment.keepNameless();
      return block;
    }
    const place = allocate(size);
    return Block.#make(place.segment, place.offset, shape, undefined, init, place.free);
  }

  /** A block in a segment of its own, which nobody can open yet. */
  static #own(shape: Shape, name: string | undefined, init: (block: Block) => void): Block {
    const size = layout.firstBlock + align(layout.blockHeaderSize + shape.size);
    const { reserved } = shape;
    const segment =
      reserved === undefined ? Segment.create(SegmentKind.object, size) : Segment.createSparse(size, reserved);
    return Block.#make(segment, layout.firstBlock, shape, name, init, () => segment.release());
  }

  static #make(
    segment: Segment,
    offset: number,
    shape: Shape,
    name: string | undefined,
    init: (block: Block) => void,
    free: (handedOut: boolean) => void,
  ): Block {
    const { words } = segment;
    const at = offset / 4;
    const generation = Atomics.load(words, at + 1) >>> 0;
    words[at + 2] = shape.type;
    words[at + 3] = shape.flags;
    words[at + 4] = shape.length | 0;
    words[at + 5] = Math.floor(shape.length / 2 ** 32);
    words[at + 6] = shape.size | 0;
    words[at + 7] = Math.floor(shape.size / 2 ** 32);
    const facts = [shape.kind, generation, shape.type, shape.flags, shape.length, shape.size] as const;
    const block = new Block(segment, offset, facts, name, free);
    try {
      init(block);
    } catch (error) {
      block.release();
      throw error;
    }
    Atomics.store(words, at, shape.kind);
    return block;
  }

  static #tryOpen(name: string): Block | undefined {
    try {
      return Block.#open(name);
    } catch (error) {
      if (error instanceof SystemError && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  static #open(name: string): Block {
    const segment = Segment.open(fileOfName(name));
    try {
      return Block.#at(segment, layout.firstBlock, name, () => segment.release());
    } catch (error) {
      segment.release();
      throw error;
    }
  }

  static #at(segment: Segment, offset: number, name: string | undefined, free: () => void): Block {
    const facts = native.segmentBlock(segment.id, offset);
    if (typeof facts === 'string') throw unusable(segment, facts);
    // Words and scalars are reached through `segment.words`, which shows so much and no more.
    if (offset + layout.blockHeaderSize + Math.min(facts[5], smallBody) > segment.words.byteLength) {
      throw unusable(segment, 'the object in it lies beyond where objects are made');
    }
    return new Block(segment, offset, facts, name, free);
  }
}

function openOfHandle(file: string): Segment {
  try {
    return Segment.open(file);
  } catch (error) {
    if (!(error instanceof SystemError) || error.code !== 'ENOENT') throw error;
    const { code, errno, syscall, path } = error;
    throw new SystemError(
      `ENOENT: the object that the handle names is gone, or of another machine or container: there is no /dev/shm/${file} here`,
      { code, errno, syscall, path, cause: error },
    );
  }
}

/** The name of a shared object. */
export const objectName: Kind<string> = checkedBy<string>((name) => checkName(name));

/** {@link NameOptions}: of objects that take a name and nothing else. */
export const nameOptions = new OptionTable<NameOptions>({ name: objectName });

/** Reads `{ name }` of checked options: without a leading slash, or `undefined`. */
export function nameOf(options: NameOptions | undefined): string | undefined {
  return options?.name === undefined ? undefined : checkName(options.name);
}

/** A name that `X.create` found taken. */
export function nameTaken(name: string): SystemError {
  return new SystemError(`EEXIST: an object named '${name}' exists already`, {
    code: 'EEXIST',
    errno: 17,
    syscall: 'linkat',
    path: name,
  });
}

function nameMissing(name: string, syscall: string): SystemError {
  return new SystemError(`ENOENT: there is no object named '${name}'`, {
    code: 'ENOENT',
    errno: 2,
    syscall,
    path: name,
  });
}

/** Removes the name of a named object; `false` if there is none. */
export function unlinkIfThere(name: string): boolean {
  try {
    native.unlinkFile(fileOfName(name));
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.code === 'ENOENT') return false;
    throw error;
  }
}

/** For methods of an object that was closed. */
export function closedError(what: string): ClosedError {
  return new ClosedError(`The ${what} is closed in this process`);
}

function matching(block: Block, shape: Shape): Block {
  if (block.kind !== shape.kind) return mismatch(block, 'kind', kindNames[shape.kind], kindNames[block.kind]);
  if ((block.type & shape.type & 0xff) === 0x53 && (block.type !== shape.type || block.flags !== shape.flags)) {
    return mismatch(block, 'layout', shape.structs?.text, shape.structs?.textIn(block));
  }
  if (block.type !== shape.type) return mismatch(block, 'type', code(shape.type), code(block.type));
  // Which lock it has is compared by the condition.
  if (block.kind === BlockKind.condition) return block;
  if (block.flags !== shape.flags && block.kind === BlockKind.barrier) {
    return mismatch(block, 'an action:', shape.flags !== 0, block.flags !== 0);
  }
  if (block.flags !== shape.flags && isQueue(block.kind)) {
    return mismatch(block, 'redeliver', shape.flags !== 0, block.flags !== 0);
  }
  if (block.flags !== shape.flags) return mismatch(block, 'robust', shape.flags !== 0, block.flags !== 0);
  const counts = shape.kind === BlockKind.semaphore || shape.kind === BlockKind.boundedSemaphore;
  const what = shape.kind === BlockKind.barrier ? 'parties' : isQueue(shape.kind) ? 'maxsize' : 'length';
  if (!counts && block.length !== shape.length) return mismatch(block, what, shape.length, block.length);
  return block;
}

/** Whether its body is a ring. */
export function isQueue(kind: number): boolean {
  return kind === BlockKind.queue || kind === BlockKind.joinableQueue || kind === BlockKind.simpleQueue;
}

/** The end of every error about a named object that exists as another one. */
export function lasting(name: string): string {
  return `it lasts until unlink(), and \`multiproc inspect ${name}\` shows it`;
}

/** The named object is another one than the caller wants; it is let go. */
export function mismatch(block: Block, what: string, expected: unknown, got: unknown): never {
  block.release();
  throw new MultiprocError(
    `Expected the object named '${block.name}' to have ${what} ${expected}, but it exists with ${what} ${got}: ${lasting(String(block.name))}`,
    { code: 'ERR_MULTIPROC_KIND' },
  );
}

function code(type: number): string {
  return (type & 0xff) === 0x53 ? 'struct' : `'${String.fromCharCode(type)}'`;
}

/** The file is none that this package made, or it was damaged since. */
export function unusable(segment: Segment, reason: string): MultiprocError {
  return new MultiprocError(`/dev/shm/${segment.fileName} cannot be used: ${reason}`, {
    code: 'ERR_MULTIPROC_SEGMENT',
  });
}

/** The object is gone, and its place has another one. */
export function staleHandle(): MultiprocError {
  return new MultiprocError('The handle is stale: the object it names has been freed', {
    code: 'ERR_MULTIPROC_SEGMENT',
  });
}

function userName(fileName: string): string | undefined {
  const prefix = namedPrefix();
  return fileName.startsWith(prefix) ? fileName.slice(prefix.length) : undefined;
}

function align(size: number): number {
  return Math.ceil(size / layout.blockAlignment) * layout.blockAlignment;
}
