/** SharedMemory: raw bytes by name, the same for this package, for C and for Python. */

import { constants } from 'node:buffer';
import { inspect } from 'node:util';
import { MultiprocError, SystemError, ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { attach } from '../lifecycle/participant.js';
import { native, type SegmentId } from '../native.js';
import { describe } from '../options/describe.js';
import { checkedBy } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import {
  type Departure,
  depart,
  type Handle,
  HandleKind,
  registerArrival,
  type Traveller,
} from '../serialize/handles.js';
import { closedError, lasting, nameOf, nameTaken, objectName, staleHandle } from './block.js';
import { anonymousFile, checkName, isAnonymousFile, underFreshName } from './names.js';
import { reserving } from './shortage.js';
import { sweepNowAndThen } from './sweep.js';
import { RawValue } from './value.js';

/** Options of {@link SharedMemory.create}. */
export interface SharedMemoryOptions {
  /** Letters, digits, `.`, `_`, `-`, at most 200; a leading `/` means the same. Without: a generated one. */
  name?: string | undefined;
  /** In bytes, at least 1. */
  size: number;
}

const memoryOptions = new OptionTable<SharedMemoryOptions>({ name: objectName, size: checkedBy(checkSize) });

const mostRounds = 1000;

/**
 * Raw shared memory; mirrors `multiprocessing.shared_memory.SharedMemory`. What Python's `SharedMemory(name)` or C's
 * `shm_open` write is read here, and back.
 *
 * With a name it lasts until {@link unlink}. Without one it gets a name, by which others can open it, and is freed when the
 * last one who has it closes it or ends. (Before Python 3.13, a Python program that merely opened it unlinks it at its end;
 * since then `track=False` prevents that.)
 */
export class SharedMemory implements Traveller {
  /** As others open it. */
  readonly name: string;
  /** In bytes: all of it, which may be more than was asked for if somebody else made it. As in Python it stays readable. */
  readonly size: number;
  /** @internal Tells memory apart whatever its name. */
  readonly inode: number;
  readonly #buffer: ArrayBuffer;
  readonly #bytes: Uint8Array;
  #segment: SegmentId | undefined;
  #unlinked = false;
  /** How many handles of ours are on their way; made with the first one. Only for memory without a name of the user's. */
  #ticket: RawValue<'i'> | undefined;

  /** @internal */
  constructor(name: string, segment: SegmentId) {
    if (typeof segment !== 'number') {
      throw new TypeError(
        'SharedMemory has no public constructor: call SharedMemory.create({ name, size }), open(name) or openOrCreate({ name, size })',
      );
    }
    refuseClones(this);
    this.name = name;
    this.#segment = segment;
    const [size, inode] = native.segmentFacts(segment);
    this.size = size;
    this.inode = inode;
    this.#buffer = native.segmentBuffer(segment, 0, size);
    this.#bytes = new Uint8Array(this.#buffer);
  }

  /**
   * Makes new memory, all zero.
   *
   * @throws ValueError for a size below 1 or none; TypeError for one that is no integer; RangeError for one that is larger
   *   than an ArrayBuffer may be
   * @throws SystemError `EEXIST` if the name is taken; `ENOSPC` when /dev/shm is full
   * @throws MultiprocError `ERR_MULTIPROC_NAME`
   */
  static create(options: SharedMemoryOptions): SharedMemory {
    const { name, size } = readOptions(options);
    if (name === undefined) return SharedMemory.createUnder(anonymousFile, size);
    const memory = make(name, size);
    if (memory === undefined) throw nameTaken(name);
    return memory;
  }

  /** @internal Makes memory under the first generated name that is free. */
  static createUnder(generate: () => string, size: number): SharedMemory {
    return underFreshName(generate, (name) => make(name, size));
  }

  /**
   * Opens memory that somebody has made.
   *
   * @throws SystemError `ENOENT`, `EACCES`; `EFBIG` for memory larger than an ArrayBuffer may be
   * @throws ValueError for memory that its maker has not given a size yet
   * @throws MultiprocError `ERR_MULTIPROC_NAME`
   */
  static open(name: string): SharedMemory {
    const plain = checkName(name);
    attach();
    try {
      return new SharedMemory(plain, native.memoryOpen(plain, constants.MAX_LENGTH, 0));
    } catch (cause) {
      if (!(cause instanceof SystemError) || cause.code !== 'ENODATA') throw cause;
      throw new ValueError(`The shared memory '${plain}' has no bytes yet: its maker has to give it a size`, { cause });
    }
  }

  /**
   * Opens the memory with this name, or makes it, whichever process is first.
   *
   * @throws MultiprocError `ERR_MULTIPROC_KIND` if it exists with another size
   */
  static openOrCreate(options: SharedMemoryOptions): SharedMemory {
    const { name, size } = readOptions(options);
    if (name === undefined) return SharedMemory.createUnder(anonymousFile, size);
    // Each round loses a race against another program that makes or removes the name at that moment.
    for (let round = 0; round < mostRounds; round++) {
      const memory = openSized(name, size) ?? make(name, size);
      if (memory !== undefined) return memory;
    }
    throw nameTaken(name);
  }

  /** Removes the name; those who have the memory open go on using it. `ENOENT` if there is none. */
  static unlink(name: string): void {
    native.unlinkFile(checkName(name));
  }

  /** @internal */
  get isOpen(): boolean {
    return this.#segment !== undefined;
  }

  /** The memory. `postMessage` copies it silently: pass the SharedMemory. */
  get buffer(): ArrayBuffer {
    if (this.#segment === undefined) throw closedError('SharedMemory');
    return this.#buffer;
  }

  /** The same as bytes. */
  get bytes(): Uint8Array {
    if (this.#segment === undefined) throw closedError('SharedMemory');
    return this.#bytes;
  }

  /** Lets go of the memory in this process: its views have length 0 from now on. Idempotent. */
  close(): void {
    const segment = this.#segment;
    if (segment === undefined) return;
    this.#segment = undefined;
    native.detachBuffer(this.#buffer);
    lingering.add({ name: this.name, segment, ticket: this.#ticket });
    releaseArrived();
  }

  /**
   * Removes the name: `ENOENT` if it is gone already. Python's idiom, `close()` and then `unlink()`, works for memory with a
   * generated name, too: closing it for the last time has removed that name, which is what this call is for.
   */
  unlink(): void {
    const mayBeGone = this.#segment === undefined && !this.#unlinked && isAnonymousFile(this.name);
    try {
      native.unlinkFile(this.name);
    } catch (error) {
      if (!(mayBeGone && error instanceof SystemError && error.code === 'ENOENT')) throw error;
    }
    this.#unlinked = true;
  }

  /** @internal */
  [inspect.custom](): string {
    return `SharedMemory(${inspect(this.name)}, ${this.isOpen ? `size=${this.size}` : 'closed'})`;
  }

  /** @internal */
  [depart](): Departure {
    if (this.#segment === undefined) throw closedError('SharedMemory');
    if (isAnonymousFile(this.name)) this.#ticket ??= new RawValue('i');
    const ticket = this.#ticket;
    ticket?.add(1);
    return {
      handle: {
        kind: HandleKind.memory,
        file: this.name,
        inode: this.inode,
        offset: 0,
        generation: 0,
        sender: 0,
        flags: 0,
        nested: ticket === undefined ? [] : [ticket],
      },
      cancel: () => ticket?.sub(1),
    };
  }
}
isNoData(SharedMemory);

/** Memory that is closed here. While handles of ours are on their way, it stays open beneath. */
interface Lingering {
  readonly name: string;
  readonly segment: SegmentId;
  readonly ticket: RawValue<'i'> | undefined;
}

const lingering = new Set<Lingering>();

/** Raw memory has no header that could count handles, so their sender looks now and then whether they have arrived. */
function releaseArrived(): void {
  for (const closed of lingering) {
    if (closed.ticket !== undefined && closed.ticket.value > 0) continue;
    lingering.delete(closed);
    closed.ticket?.close();
    native.segmentRelease(closed.segment);
    if (isAnonymousFile(closed.name)) native.sweepFile(closed.name);
  }
}

/** `undefined` if the name is taken. */
function make(name: string, size: number): SharedMemory | undefined {
  attach();
  sweepNowAndThen();
  releaseArrived();
  const segment = reserving(size, () => native.memoryCreate(size, anonymousFile()));
  let published = false;
  try {
    published = native.segmentPublish(segment, name);
  } finally {
    if (!published) native.segmentRelease(segment);
  }
  return published ? new SharedMemory(name, segment) : undefined;
}

/** `undefined` if there is none. */
function openSized(name: string, size: number): SharedMemory | undefined {
  attach();
  let memory: SharedMemory;
  try {
    memory = new SharedMemory(name, native.memoryOpen(name, constants.MAX_LENGTH, size));
  } catch (error) {
    if (error instanceof SystemError && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const found = memory.size;
  if (found === size) return memory;
  memory.close();
  throw new MultiprocError(
    `Expected the shared memory '${name}' to have size ${size}, but it exists with size ${found}: ${lasting(name)}`,
    {
      code: 'ERR_MULTIPROC_KIND',
    },
  );
}

function readOptions(options: SharedMemoryOptions | undefined): { name: string | undefined; size: number } {
  memoryOptions.check(options, 'SharedMemory');
  if (options?.size === undefined) checkSize(0);
  return { name: nameOf(options), size: options?.size as number };
}

function checkSize(size: unknown): void {
  if (typeof size !== 'number' || !(Number.isInteger(size) || Math.abs(size) === Infinity)) {
    throw new TypeError(`Expected "size" to be an integer, got ${describe(size)}`);
  }
  if (size <= 0) throw new ValueError(`Expected "size" to be at least 1, got ${size}`);
  if (size > constants.MAX_LENGTH) {
    throw new RangeError(
      `Expected at most ${constants.MAX_LENGTH} bytes, the largest buffer of this Node, got ${size}`,
    );
  }
}

/** Opens the memory that a handle names. */
export function arriveMemory(handle: Handle): SharedMemory {
  const memory = SharedMemory.open(handle.file);
  const [ticket] = handle.nested;
  if (ticket instanceof RawValue) {
    (ticket as RawValue<'i'>).sub(1);
    ticket.close();
  }
  if (memory.inode !== handle.inode) {
    memory.close();
    throw staleHandle();
  }
  return memory;
}

registerArrival(HandleKind.memory, arriveMemory);
