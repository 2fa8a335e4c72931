/** A segment of shared memory as this thread has it open: counted, and let go with its last object. */
import { constants } from 'node:buffer';
import { MultiprocError, SystemError } from '../errors.js';
import { attach } from '../lifecycle/participant.js';
import { native, type SegmentId } from '../native.js';
import { descriptorLimit } from './descriptor-limit.js';
import { anonymousFile, isAnonymousFile, underFreshName } from './names.js';
import { reserving } from './shortage.js';
import { sweepNowAndThen } from './sweep.js';

/** The values of `sync::SegmentKind`. */
export const SegmentKind = { object: 1, arena: 2, sparse: 3 } as const;

/** So much of a segment can be seen through `words` and `view`. Arenas are no larger; large arrays get own buffers. */
const window = 4 * 1024 * 1024;

/** Open anonymous segments by file: their names are never used twice, so one mapping serves all their objects. */
const openAnonymous = new Map<string, Segment>();

const nameless = new Set<Segment>();
let maxNameless: number | undefined;

/** Each costs a descriptor, of which the program needs most for other things. */
function namelessLimit(): number {
  maxNameless ??= Math.min(256, Math.max(8, Math.floor(descriptorLimit() / 16)));
  return maxNameless;
}

export class Segment {
  /** The addon's number for it. */
  readonly id: SegmentId;
  /** In bytes, header included. */
  readonly size: number;
  /** Tells segments apart whatever their names: an unlinked and recreated one differs. */
  readonly inode: number;
  /** The start of the segment as 32-bit words. */
  readonly words: Int32Array;

  #fileName = '';
  #users = 1;
  readonly #buffers: ArrayBuffer[] = [];
  readonly #views = new Map<unknown, ArrayBufferView>();

  private constructor(id: SegmentId) {
    this.id = id;
    const [size, inode] = native.segmentFacts(id);
    this.size = size;
    this.inode = inode;
    this.words = new Int32Array(this.buffer(0, Math.min(size, window) & ~7));
  }

  /**
   * Makes a segment that nobody can open yet. Fill it, then {@link publish} it.
   *
   * @throws RangeError for more bytes than an ArrayBuffer can have
   * @throws SystemError `ENOSPC` when /dev/shm is full
   */
  static create(kind: number, size: number): Segment {
    attach();
    sweepNowAndThen();
    checkBufferLength(size);
    return new Segment(reserving(size, () => native.segmentCreate(kind, size, anonymousFile(), size)));
  }

  /**
   * Makes a segment of which only the first `reserved` bytes are backed by memory; {@link reserve} does the rest piece by
   * piece. It may be larger than an ArrayBuffer.
   */
  static createSparse(size: number, reserved: number): Segment {
    attach();
    sweepNowAndThen();
    const make = () => native.segmentCreate(SegmentKind.sparse, size, anonymousFile(), reserved);
    return new Segment(reserving(reserved, make));
  }

  /**
   * Opens a published segment.
   *
   * @throws SystemError `ENOENT`, `EACCES`
   * @throws MultiprocError `ERR_MULTIPROC_SEGMENT` for a file that is none of ours, `ERR_MULTIPROC_REGISTRY` for one
   *   whose locks belong to a registry that was removed while others still use it
   */
  static open(fileName: string): Segment {
    attach();
    const known = openAnonymous.get(fileName);
    if (known !== undefined) {
      known.#users++;
      return known;
    }
    const segment = new Segment(openNatively(fileName));
    segment.#named(fileName);
    return segment;
  }

  /** Its name in /dev/shm; empty while nobody else can open it. */
  get fileName(): string {
    return this.#fileName;
  }

  /** Gives it its name. `false` if another process was first: the segment is then of no use. */
  publish(fileName: string): boolean {
    if (!native.segmentPublish(this.id, fileName)) return false;
    this.#named(fileName);
    nameless.delete(this);
    return true;
  }

  /** For a segment that stays anonymous. Each keeps a descriptor open until it has a name, so not too many may stay so. */
  keepNameless(): void {
    if (nameless.size >= namelessLimit()) this.#publishAnonymously();
    else nameless.add(this);
  }

  /** An ArrayBuffer over a part of it, detached when the segment is let go. */
  buffer(offset: number, length: number): ArrayBuffer {
    const buffer = native.segmentBuffer(this.id, offset, length);
    this.#buffers.push(buffer);
    return buffer;
  }

  /** Detaches a buffer that {@link buffer} made, while the segment stays open. */
  detach(buffer: ArrayBuffer): void {
    const index = this.#buffers.indexOf(buffer);
    if (index !== -1) this.#buffers.splice(index, 1);
    native.detachBuffer(buffer);
  }

  /** The start of the segment through another kind of view. */
  view<T extends ArrayBufferView>(viewClass: new (buffer: ArrayBuffer) => T): T {
    let view = this.#views.get(viewClass);
    if (view === undefined) {
      view = new viewClass(this.words.buffer as ArrayBuffer);
      this.#views.set(viewClass, view);
    }
    return view as T;
  }

  /** One more object uses it. */
  retain(): this {
    this.#users++;
    return this;
  }

  /** One object less. After the last the memory is let go, and an anonymous file that nobody else needs is removed. */
  release(): void {
    if (--this.#users > 0) return;
    for (const buffer of this.#buffers) native.detachBuffer(buffer);
    this.#buffers.length = 0;
    this.#views.clear();
    native.segmentRelease(this.id);
    nameless.delete(this);
    if (!isAnonymousFile(this.#fileName)) return;
    openAnonymous.delete(this.#fileName);
    native.sweepFile(this.#fileName);
  }

  /**
   * A handle to something in it goes on its way: until it arrives, the segment counts as open. An anonymous segment gets
   * its file name now, at the first handle: one that never left its process leaves nothing behind, however that ends.
   *
   * @param keeper - the participant while whose life that holds
   */
  send(keeper: number): void {
    if (this.#fileName === '') this.#publishAnonymously();
    // With too many senders at once the segment stays open here instead, for as long as this thread lives.
    if (!native.segmentSend(this.id, keeper)) this.retain();
  }

  /** A handle that `sender` gave away has arrived. */
  receive(sender: number): void {
    native.segmentReceive(this.id, sender);
  }

  #publishAnonymously(): void {
    underFreshName(anonymousFile, (file) => this.publish(file) || undefined);
  }

  #named(fileName: string): void {
    this.#fileName = fileName;
    if (isAnonymousFile(fileName)) openAnonymous.set(fileName, this);
  }
}

function openNatively(fileName: string): SegmentId {
  try {
    const opened = native.segmentOpen(fileName);
    if (typeof opened === 'number') return opened;
    throw new MultiprocError(`/dev/shm/${fileName} cannot be used: ${opened}`, { code: 'ERR_MULTIPROC_SEGMENT' });
  } catch (cause) {
    if (!(cause instanceof SystemError) || cause.code !== 'ESTALE') throw cause;
    throw new MultiprocError(
      `/dev/shm/${fileName} was made under a registry that has been removed, and programs from then still use it: ` +
        'end them, or unlink the object',
      { code: 'ERR_MULTIPROC_REGISTRY', cause },
    );
  }
}

function checkBufferLength(size: number): void {
  if (size > constants.MAX_LENGTH) {
    throw new RangeError(
      `Expected at most ${constants.MAX_LENGTH} bytes, the largest buffer of this Node, got ${size}`,
    );
  }
}
