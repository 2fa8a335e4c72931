/** What an array in shared memory keeps beside its elements: its block, its buffer, its lock, and how it ends. */
import { constants } from 'node:buffer';
import { layout } from '../native.js';
import { type Departure, HandleKind } from '../serialize/handles.js';
import type { Lock } from '../sync/lock.js';
import type { RLock } from '../sync/rlock.js';
import { Block, BlockKind, closedError, type Mode, type NameOptions, unusable } from './block.js';
import type { OwnLock } from './own-lock.js';
import { holdsStructs, layoutIn, viewsOn } from './struct-block.js';
import { arrivedClass, type InstanceClass } from './struct-class.js';
import { findLayout, type StructLayout } from './struct-layout.js';
import type { Views } from './struct-views.js';
import { type ScalarType, typeOfBlock } from './types.js';

export const numbersFlag = 1;
export const withoutLockFlag = 2;

/** What an array of structs has in the place of a type of scalars. */
interface Structs {
  readonly struct: InstanceClass;
  readonly views: Views;
  readonly layout: StructLayout;
}

export class Cells {
  /** Not of an array of structs. */
  readonly type: ScalarType;
  readonly structs: Structs | undefined;
  readonly length: number;
  readonly name: string | undefined;
  /** Exactly the elements; detached by {@link close}. */
  readonly buffer: ArrayBuffer;
  readonly #numbers: boolean;
  /** `undefined` for a raw array. */
  readonly #lock: OwnLock | undefined;
  #block: Block | undefined;

  /** Takes the block over. `struct` is the user's class for structs in it, if it is known. */
  constructor(block: Block, lock: OwnLock | undefined, numbers: boolean, struct?: InstanceClass) {
    this.length = block.length;
    this.name = block.name;
    this.#numbers = numbers;
    this.#lock = lock;
    this.#block = block;
    if (holdsStructs(block)) {
      const layout = findLayout(struct) ?? layoutIn(block);
      const views = viewsOn(block, layout);
      this.type = undefined as unknown as ScalarType;
      this.structs = { struct: struct ?? arrivedClass(layout), views, layout };
      this.buffer = views.buffer;
      return;
    }
    const type = typeOfBlock(block.type, numbers);
    if (type === undefined || block.length * type.size > block.size - layout.dataOffset) {
      const error = unusable(block.segment, 'the type of the array in it is not known, or its size is another one');
      block.release();
      throw error;
    }
    this.type = type;
    this.structs = undefined;
    this.buffer = bufferOver(block, this.length * type.size);
  }

  /** Whether it is an array without a lock by its class, `RawArray`. */
  get raw(): boolean {
    return this.#lock === undefined;
  }

  get closed(): boolean {
    return this.#block === undefined;
  }

  getLock(): Lock | RLock {
    return (this.#lock as OwnLock).get(this.#block, 'Array');
  }

  /** Fails with `ClosedError` when closed. */
  checkOpen(): Block {
    if (this.#block === undefined) throw closedError('Array');
    return this.#block;
  }

  close(): void {
    const block = this.#block;
    if (block === undefined) return;
    this.#block = undefined;
    this.structs?.views.close();
    this.#lock?.close();
    if (this.buffer.byteLength > 0) block.segment.detach(this.buffer);
    block.release();
  }

  unlink(): void {
    if (this.name !== undefined) Block.unlink(this.name);
  }

  /** @throws ClosedError after {@link close} */
  get block(): Block {
    if (this.#block === undefined) throw closedError('Array');
    return this.#block;
  }

  depart(): Departure {
    const given = this.#lock?.given;
    const flags = (this.#numbers ? numbersFlag : 0) | (given === false ? withoutLockFlag : 0);
    return this.checkOpen().depart(this.raw ? HandleKind.rawArray : HandleKind.array, flags, given ? [given] : []);
  }
}

const all = new WeakMap<object, Cells>();

/** The cells of an array of ours. */
export function cellsOf(array: object): Cells {
  const cells = all.get(array);
  if (cells === undefined) throw new TypeError('Expected a shared array');
  return cells;
}

/** The same for anything; `undefined` if it is no array of ours. */
export function findCells(value: unknown): Cells | undefined {
  return all.get(value as object);
}

/** Writes into the array's header what this package uses it for; who looks from outside sees that. */
export function flagArray(array: object, flags: number): void {
  const { segment, offset } = cellsOf(array).checkOpen();
  segment.words[offset / 4 + 3] = flags;
}

/** Called by the arrays' constructors. */
export function bindCells(array: object, cells: Cells): void {
  all.set(array, cells);
}

/**
 * The block of a new array, or of the one with the name.
 *
 * @param fill stores the initial elements, in a buffer over zeroed memory
 * @throws RangeError for more bytes than an ArrayBuffer can have
 */
export function obtainCells(
  mode: Mode,
  type: ScalarType,
  length: number,
  options: NameOptions | undefined,
  fill: ((buffer: ArrayBuffer) => void) | undefined,
): Block {
  const bytes = length * type.size;
  if (bytes > constants.MAX_LENGTH - 4096) {
    throw new RangeError(
      `Expected an array of less than ${constants.MAX_LENGTH} bytes, the largest buffer of this Node, got ${bytes}`,
    );
  }
  const shape = {
    kind: BlockKind.array,
    type: type.code.charCodeAt(0),
    flags: 0,
    length,
    size: layout.dataOffset + bytes,
  };
  return Block.obtain(mode, shape, options, (block) => {
    if (fill === undefined || bytes === 0) return;
    const buffer = bufferOver(block, bytes);
    try {
      fill(buffer);
    } finally {
      block.segment.detach(buffer);
    }
  });
}

function bufferOver(block: Block, bytes: number): ArrayBuffer {
  return bytes === 0 ? new ArrayBuffer(0) : block.segment.buffer(block.body + layout.dataOffset, bytes);
}
