/**
 * The rendezvous of a named pool: a file in /dev/shm by which the programs of one user find the pool's host.
 *
 * It holds a random address, a random key, and the configuration of the pool; all of it is written before the file gets
 * its name, and never changes. The file is of the anonymous kind: every member and the host have it open, and it is
 * removed when the last of them closes it, or by the next sweep if that one was killed.
 */
import { constants } from 'node:buffer';
import { MultiprocError, SystemError } from '../../errors.js';
import { attach } from '../../lifecycle/participant.js';
import { randomBytes } from '../../lifecycle/random-bytes.js';
import { native, type SegmentId } from '../../native.js';
import { deserializeKept, prepare, serialize } from '../../serialize/codec.js';
import { anonymousFile, anonymousPrefix } from '../../shared/names.js';
import { sweepNowAndThen } from '../../shared/sweep.js';

/** Configuration of a named pool, for its host. Every part is bytes of `serialize`. */
export interface PoolConfig {
  readonly size: number;
  readonly options: Uint8Array;
  /** The initializer and its arguments. */
  readonly initializer: Uint8Array | undefined;
  /** Texts that members compare, by the option's name. */
  readonly texts: Readonly<Record<string, string>>;
}

const magic = 0x6c6f_6f70; // "pool"
const headerBytes = 8;
const tokenBytes = 16;
const keyBytes = 32;
const configAt = headerBytes + tokenBytes + keyBytes;

/** Returns the file of the pool with this (checked) name. */
export function rendezvousFile(name: string): string {
  return `${anonymousPrefix()}pool.${name}`;
}

/** Each round loses a race against a program that makes or removes the file at that moment. */
const maxRounds = 100;

export class Rendezvous {
  readonly #file: string;
  readonly #segment: SegmentId;
  readonly key: Buffer;
  /** Address of the host, a name that the kernel frees with the host. Only processes that may read the file have it. */
  readonly address: string;
  readonly config: PoolConfig;
  #closed = false;

  private constructor(file: string, segment: SegmentId, bytes: Buffer) {
    this.#file = file;
    this.#segment = segment;
    const token = bytes.subarray(headerBytes, headerBytes + tokenBytes);
    this.address = `\0multiproc-pool-${token.toString('hex')}`;
    this.key = Buffer.from(bytes.subarray(headerBytes + tokenBytes, configAt));
    this.config = deserializeKept(Buffer.from(bytes.subarray(configAt, bytes.readUInt32LE(4)))) as PoolConfig;
  }

  /**
   * Opens the pool's file, or creates it.
   *
   * @param config makes the configuration when the file has to be created
   */
  static openOrCreate(name: string, config: () => PoolConfig): Rendezvous {
    const file = rendezvousFile(name);
    attach();
    sweepNowAndThen();
    let made: SegmentId | undefined;
    try {
      for (let round = 0; round < maxRounds; round++) {
        // A file that no living process has open describes a pool that is gone.
        native.sweepFile(file);
        const opened = Rendezvous.open(name);
        if (opened !== undefined) return opened;
        made ??= make(config());
        if (!native.segmentPublish(made, file)) continue;
        const rendezvous = new Rendezvous(file, made, bytesOf(made));
        made = undefined;
        return rendezvous;
      }
    } finally {
      if (made !== undefined) native.segmentRelease(made);
    }
    throw new MultiprocError(
      `/dev/shm/${file} is made and removed again and again: the pool '${name}' cannot be found`,
      {
        code: 'ERR_MULTIPROC_SEGMENT',
      },
    );
  }

  /** Opens the pool's file; returns `undefined` if there is none. */
  static open(name: string): Rendezvous | undefined {
    const file = rendezvousFile(name);
    attach();
    let segment: SegmentId;
    try {
      segment = native.memoryOpen(file, constants.MAX_LENGTH, 0);
    } catch (error) {
      if (error instanceof SystemError && error.code === 'ENOENT') return undefined;
      throw error;
    }
    const bytes = bytesOf(segment);
    if (bytes.length >= configAt && bytes.readUInt32LE(0) === magic) return new Rendezvous(file, segment, bytes);
    native.segmentRelease(segment);
    throw new MultiprocError(`/dev/shm/${file} describes no pool: remove it, or take another name`, {
      code: 'ERR_MULTIPROC_SEGMENT',
    });
  }

  /** Closes the file, which is removed if no other process has it open. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    native.segmentRelease(this.#segment);
    native.sweepFile(this.#file);
  }
}

function make(config: PoolConfig): SegmentId {
  const text = serialize(config);
  const size = configAt + text.length;
  const segment = native.memoryCreate(size, anonymousFile());
  const bytes = bytesOf(segment);
  bytes.writeUInt32LE(magic, 0);
  bytes.writeUInt32LE(size, 4);
  bytes.set(randomBytes(tokenBytes + keyBytes), headerBytes);
  bytes.set(text, configAt);
  return segment;
}

function bytesOf(segment: SegmentId): Buffer {
  const [size] = native.segmentFacts(segment);
  return Buffer.from(native.segmentBuffer(segment, 0, size));
}

/** Decodes a part of a configuration without consuming it: other processes read it, too. */
export async function readPart(bytes: Uint8Array): Promise<unknown> {
  const message = Buffer.from(bytes);
  await prepare(message);
  return deserializeKept(message);
}
