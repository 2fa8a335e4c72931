/** Arrays of bytes in shared memory (`'c'`): a Uint8Array that can also be read and written as text. */
import { ValueError } from '../errors.js';
import { type Cells, cellsOf } from './cells.js';
import { type ArrayMembers, lockedClass, sharedClass } from './numeric-array.js';
import { bytesOf } from './types.js';

/** What an array of bytes has beside a Uint8Array's members. */
export interface BytesMembers {
  /**
   * The bytes up to the first NUL, a copy. Assigning stores bytes, or a string's UTF-8, and a NUL if there is room; what
   * follows stays as it is. `ValueError` if they are longer than the array.
   */
  get value(): Buffer;
  set value(content: string | Uint8Array);
  /** All bytes, a copy. Assigning stores bytes at the start; what follows stays as it is. */
  get raw(): Buffer;
  set raw(content: string | Uint8Array);
}

type ByteArrayClass = new (cells: Cells) => Uint8Array & ArrayMembers & BytesMembers;

const rawClass = bytesClass();
const lockClass = lockedClass(rawClass) as ByteArrayClass;

export function byteArray(cells: Cells): Uint8Array & ArrayMembers & BytesMembers {
  return cells.raw ? new rawClass(cells) : new lockClass(cells);
}

function bytesClass(): ByteArrayClass {
  const base = sharedClass(Uint8Array) as new (cells: Cells) => Uint8Array & ArrayMembers;
  return class RawArray extends base implements BytesMembers {
    get value(): Buffer {
      cellsOf(this).checkOpen();
      const end = this.indexOf(0);
      return Buffer.from(this.subarray(0, end === -1 ? this.length : end));
    }

    set value(content: string | Uint8Array) {
      const bytes = this.#store(content);
      if (bytes < this.length) this[bytes] = 0;
    }

    get raw(): Buffer {
      cellsOf(this).checkOpen();
      return Buffer.from(this);
    }

    set raw(content: string | Uint8Array) {
      this.#store(content);
    }

    #store(content: string | Uint8Array): number {
      cellsOf(this).checkOpen();
      const bytes = bytesOf(content);
      if (bytes.length > this.length) {
        throw new ValueError(`Expected at most ${this.length} bytes, the length of the array, got ${bytes.length}`);
      }
      this.set(bytes);
      return bytes.length;
    }
  };
}
