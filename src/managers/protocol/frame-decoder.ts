/** Reads frames. Nothing that names objects or code is read with them: who asks for what has to be known first. */
import { Buffer } from 'node:buffer';
import type { Arrival } from '../../serialize/codec.js';
import { Tag } from '../../serialize/tags.js';
import { afterCreation, broken, together, whole } from './frame.js';
import { knownText, longestKnown } from './string-cache.js';

/** What `serialize` made, as it lies in a message. */
export class Whole {
  readonly bytes: Buffer;
  /** The calls that make objects which it refers to. */
  readonly awaited: readonly number[];
  /** What of it has arrived before it is opened. */
  arrival: Arrival | undefined;

  constructor(bytes: Buffer, awaited: readonly number[] = none) {
    this.bytes = bytes;
    this.awaited = awaited;
  }
}

const none: readonly number[] = [];

/** @throws MultiprocError `ERR_MULTIPROC_MESSAGE` for what a `FrameWriter` did not write */
export class FrameReader {
  #bytes: Buffer;
  #at = 0;
  #isOwn = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The bytes may soon be another message's: what is not read yet is copied. */
  keepRest(): void {
    if (this.atEnd || this.#isOwn) return;
    this.#isOwn = true;
    this.#bytes = Buffer.from(this.#bytes.subarray(this.#at));
    this.#at = 0;
  }

  byte(): number {
    return this.#bytes[this.#move(1)] as number;
  }

  integer(): number {
    return this.#bytes.readUInt32LE(this.#move(4));
  }

  number(): number {
    return this.#bytes.readDoubleLE(this.#move(8));
  }

  text(): string {
    const size = this.integer();
    const at = this.#move(size);
    return size <= longestKnown ? knownText(this.#bytes, at, size) : this.#bytes.toString('utf8', at, at + size);
  }

  /** Arguments that are scalars, or the bytes of an array. */
  arguments(): unknown[] | Whole {
    const count = this.byte();
    if (count >= afterCreation) {
      const awaited = count === together ? none : this.#numbers();
      const tag = this.byte();
      if (tag !== whole) throw broken('its arguments are none');
      return this.#whole(awaited);
    }
    const values: unknown[] = [];
    for (let i = 0; i < count; i++) values.push(this.#scalar(this.byte()));
    return values;
  }

  /** A scalar, or the bytes of something else. */
  value(): unknown {
    const tag = this.byte();
    return tag === whole ? this.#whole() : this.#scalar(tag);
  }

  #scalar(tag: number): unknown {
    switch (tag) {
      case Tag.undefined:
        return undefined;
      case Tag.null:
        return null;
      case Tag.false:
        return false;
      case Tag.true:
        return true;
      case Tag.int32:
        return this.#bytes.readInt32LE(this.#move(4));
      case Tag.double:
        return this.number();
      case Tag.ascii:
      case Tag.utf8:
        return this.text();
      default:
        throw broken(`no value has the tag ${tag}`);
    }
  }

  #whole(awaited = none): Whole {
    const size = this.integer();
    const at = this.#move(size);
    return new Whole(this.#bytes.subarray(at, at + size), awaited);
  }

  #numbers(): number[] {
    const count = this.integer();
    const at = this.#move(count * 4);
    return Array.from({ length: count }, (_, i) => this.#bytes.readUInt32LE(at + i * 4));
  }

  #move(size: number): number {
    const at = this.#at;
    if (size > this.#bytes.length - at) throw broken('it ends too soon');
    this.#at = at + size;
    return at;
  }
}
