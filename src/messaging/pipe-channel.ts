/** Messages through a pipe in shared memory: what one thread knows about an end of it, and a Connection's part in that. */
import { Buffer } from 'node:buffer';
import { EOFError, MultiprocError, SystemError } from '../errors.js';
import { beforeFork } from '../lifecycle/after-fork.js';
import { me, onReattach } from '../lifecycle/participant.js';
import { layout, native, TargetKind } from '../native.js';
import { type Departure, type Handle, HandleKind } from '../serialize/handles.js';
import { keeper } from '../serialize/keeper.js';
import { receivedBuffer } from '../serialize/received.js';
import { Block, BlockKind } from '../shared/block.js';
import { nativeNotice } from '../sync/wait-queue.js';
import { type Channel, type Sending, TooLong, waysOf } from './channel.js';
import type { Notice } from './waitable.js';

/** What the native calls return instead of a size. */
const nothing = -1;
const ended = -2;
const large = -3;
const tooLong = -4;
const dropped = -5;
const damagedWords = -6;

/** Bits of a handle's flags: the end's number (see `sync::PipeEnd`). */
export const PipeFlags = { side: 1, duplex: 2 } as const;
const numberBits = PipeFlags.side | PipeFlags.duplex;

/** Messages up to this size arrive here, the others in a buffer of their own. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);
/** Its beginnings: to make one costs as much as the copying of what is in it. */
const beginnings = Array.from({ length: 64 }, (_, length) => scratch.subarray(0, length));
const lengthOut = new Float64Array(1);

const largestWhole = layout.pipeCapacity / 2;
const leastPiece = layout.pipeCapacity / 4;

/** So much memory is made for a message because it says that it is so long; more only as its bytes come. */
const mostTrusted = 16 * 1024 * 1024;

/** A large message of `length` bytes that has come in part. */
interface Partial {
  readonly length: number;
  bytes: Buffer;
  got: number;
}

/** One end of a pipe as this thread has it, whatever number of connections it has there. */
class PipeEnd {
  readonly block: Block;
  readonly number: number;
  /** In the order of their departure; only the first may have left in part. */
  readonly messages: Message[] = [];
  partial: Partial | undefined;
  users = 0;
  readonly #key: string;

  constructor(block: Block, number: number, key: string) {
    this.block = block.retain();
    this.number = number;
    this.#key = key;
  }

  static of(block: Block, number: number): PipeEnd {
    const key = `${block.segment.inode}:${block.body}:${number & PipeFlags.side}`;
    let end = ends.get(key);
    if (end === undefined) {
      end = new PipeEnd(block, number, key);
      ends.set(key, end);
    }
    end.users++;
    return end;
  }

  leave(): void {
    if (--this.users > 0) return;
    ends.delete(this.#key);
    // The next receiver, wherever it is, does not wait for us.
    if (this.partial !== undefined) native.pipeDrop(this.block.segment.id, this.block.body, this.number);
    this.block.release();
  }
}

const ends = new Map<string, PipeEnd>();
const channels = new Set<PipeChannel>();

class Message implements Sending {
  readonly #end: PipeEnd;
  readonly channel: PipeChannel;
  readonly bytes: Uint8Array;
  sent = 0;
  #state: 'waiting' | 'gone' | 'refused' = 'waiting';

  constructor(end: PipeEnd, channel: PipeChannel, bytes: Uint8Array) {
    this.#end = end;
    this.channel = channel;
    this.bytes = bytes;
    end.messages.push(this);
  }

  advance(): boolean | undefined {
    return this.advanceSync(0) || undefined;
  }

  advanceSync(deadline: number): boolean {
    const { messages, block, number } = this.#end;
    while (this.#state === 'waiting') {
      const first = messages[0];
      if (first === undefined) return false;
      const sent = native.pipePut(block.segment.id, block.body, number, first.bytes, first.sent, deadline);
      if (sent >= 0) {
        first.sent = sent;
        return false;
      }
      if (sent === damagedWords) throw damaged();
      messages.shift();
      first.#state = sent === nothing ? 'gone' : 'refused';
    }
    if (this.#state === 'refused') throw brokenPipe();
    return true;
  }

  abandon(): boolean {
    const { messages, block, number } = this.#end;
    const index = messages.indexOf(this);
    if (index === -1) return this.#state !== 'gone';
    messages.splice(index, 1);
    if (this.sent > 0) native.pipeAbandon(block.segment.id, block.body, number);
    return true;
  }

  /** How much room is needed for it to go on. */
  get needed(): number {
    const rest = 16 + Math.ceil((this.bytes.length - this.sent) / 16) * 16;
    return this.bytes.length > largestWhole ? Math.min(rest, leastPiece) : rest;
  }
}

export class PipeChannel implements Channel {
  readonly asleep: readonly number[];
  readonly #block: Block;
  readonly #end: PipeEnd;
  readonly #segment: number;
  readonly #body: number;
  readonly #number: number;
  /** Who is in the table of those who have the end, for this connection. */
  #holder: number;
  #closed = false;

  /**
   * Takes over the caller's use of the block, also when it fails.
   *
   * @throws MultiprocError `ERR_MULTIPROC_PIPE` if more than a thousand threads have the end open
   */
  constructor(block: Block, number: number) {
    this.#block = block;
    this.#segment = block.segment.id;
    this.#body = block.body;
    this.#number = number;
    this.asleep = [TargetKind.pipeReadable, this.#segment, this.#body, number, 0];
    this.#holder = me;
    if (!native.pipeEnter(this.#segment, this.#body, number, me)) {
      block.release();
      throw tooMany();
    }
    this.#end = PipeEnd.of(block, number);
    channels.add(this);
  }

  /** The connection's channel that a handle names. */
  static arrive(handle: Handle): PipeChannel {
    const block = Block.arrive(handle, BlockKind.pipe);
    const number = handle.flags & numberBits;
    const expected = (number & PipeFlags.duplex) !== 0 ? layout.pipeSize : layout.oneWayPipeSize;
    if (block.size < layout.pipeOffset + expected) {
      block.release();
      throw new MultiprocError('The handle is damaged: the pipe has no such end', { code: 'ERR_MULTIPROC_SEGMENT' });
    }
    const channel = new PipeChannel(block, number);
    if (handle.sender !== 0) native.pipeLeave(channel.#segment, channel.#body, number, handle.sender);
    return channel;
  }

  take(most: number): Buffer | undefined {
    return this.takeSync(most, 0);
  }

  takeSync(most: number, deadline: number): Buffer | undefined {
    for (;;) {
      const { partial } = this.#end;
      if (partial !== undefined) {
        const { length } = partial;
        if (length > most) {
          // Nobody else here could go on with it: it is given up, rather than being in the way of other receivers.
          if (this.#end.users === 1) this.#drop();
          throw new TooLong(length);
        }
        this.#makeRoom(partial);
        const { bytes, got: before } = partial;
        const got = native.pipeContinue(this.#segment, this.#body, this.#number, bytes, before, length, deadline);
        if (got === dropped) {
          this.#end.partial = undefined;
          continue;
        }
        partial.got = got;
        if (got === length) {
          this.#end.partial = undefined;
          return bytes;
        }
        if (isRoomy(partial)) return undefined;
        continue;
      }
      const size = native.pipeTake(this.#segment, this.#body, this.#number, scratch, most, lengthOut, deadline);
      if (size >= 0) return beginnings[size] ?? scratch.subarray(0, size);
      if (size === nothing) return undefined;
      if (size === ended) throw new EOFError();
      if (size === damagedWords) throw damaged();
      const length = lengthOut[0] as number;
      if (size === tooLong) throw new TooLong(length);
      if (size === large) this.#end.partial = { bytes: noBytes, got: 0, length };
    }
  }

  /** Room for the next piece, whatever its size. The more of a message has come, the more is believed of its length. */
  #makeRoom(partial: Partial): void {
    if (isRoomy(partial)) return;
    try {
      const bytes = receivedBuffer(Math.min(partial.length, Math.max(mostTrusted, 4 * partial.got)));
      partial.bytes.copy(bytes, 0, 0, partial.got);
      partial.bytes = bytes;
    } catch (cause) {
      this.#drop();
      const { length } = partial;
      throw new SystemError(`ENOMEM: there is no memory for a message of ${length} bytes`, { ...noMemory, cause });
    }
  }

  /** The rest of the message in part is not wanted; the first piece stays for others if nothing was taken. */
  #drop(): void {
    this.#end.partial = undefined;
    native.pipeDrop(this.#segment, this.#body, this.#number);
  }

  own(message: Buffer): Buffer {
    return message.buffer === scratch.buffer ? Buffer.from(message) : message;
  }

  arrived(): boolean {
    return this.arrivedSync(0);
  }

  arrivedSync(deadline: number): boolean {
    return native.pipeReady(this.#segment, this.#body, this.#number, deadline);
  }

  onArrival(callback: () => void): Notice {
    return nativeNotice(TargetKind.pipeReadable, this.#block, this.#number, 0, callback);
  }

  sendAtOnce(message: Uint8Array): boolean {
    if (this.#end.messages.length > 0) return false;
    return native.pipePut(this.#segment, this.#body, this.#number, message, 0, 0) === nothing;
  }

  send(message: Uint8Array): Sending {
    return new Message(this.#end, this, message);
  }

  onRoom(callback: () => void): Notice {
    const needed = this.#end.messages[0]?.needed ?? 0;
    return nativeNotice(TargetKind.pipeWritable, this.#block, this.#number, needed, callback);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    channels.delete(this);
    for (const message of this.#end.messages.filter(({ channel }) => channel === this)) message.abandon();
    native.pipeLeave(this.#segment, this.#body, this.#number, this.#holder);
    this.#end.leave();
    this.#block.release();
  }

  /** The end counts as open until the handle has arrived. */
  depart(readable: boolean, writable: boolean): Departure {
    const sender = keeper();
    if (!native.pipeEnter(this.#segment, this.#body, this.#number, sender)) throw tooMany();
    const block = this.#block.retain();
    const ways = waysOf(readable, writable);
    const { handle, cancel } = block.depart(HandleKind.connection, this.#number | ways);
    block.release();
    return {
      handle,
      cancel: () => {
        native.pipeLeave(block.segment.id, block.body, this.#number, sender);
        cancel();
      },
    };
  }

  /** A child is about to be forked, and has the end open from the start. Returns what undoes that. */
  shareWithChild(): () => void {
    const shared = native.pipeEnter(this.#segment, this.#body, this.#number, this.#holder);
    return () => shared && native.pipeLeave(this.#segment, this.#body, this.#number, this.#holder);
  }

  /** In the child of a fork: what the parent counted for us is now counted as ours, and its messages are not ours. */
  becomeOwn(): void {
    native.pipeEnter(this.#segment, this.#body, this.#number, me);
    native.pipeLeave(this.#segment, this.#body, this.#number, this.#holder);
    this.#holder = me;
    this.#end.partial = undefined;
    this.#end.messages.length = 0;
  }
}

const noBytes = Buffer.alloc(0);
const noMemory = { code: 'ENOMEM', errno: 12, syscall: 'recv', path: '' };

function isRoomy({ bytes, got, length }: Partial): boolean {
  return bytes.length - got >= Math.min(length - got, layout.pipeCapacity);
}

function brokenPipe(): SystemError {
  return new SystemError('EPIPE: nobody has the other end of the pipe open', {
    code: 'EPIPE',
    errno: 32,
    syscall: 'send',
    path: '',
  });
}

function damaged(): MultiprocError {
  return new MultiprocError('The pipe is damaged: what lies between its head and its tail are not messages', {
    code: 'ERR_MULTIPROC_SEGMENT',
  });
}

function tooMany(): MultiprocError {
  return new MultiprocError('More than a thousand threads have this end of the pipe open', {
    code: 'ERR_MULTIPROC_PIPE',
  });
}

beforeFork(() => {
  const undo = [...channels].map((channel) => channel.shareWithChild());
  return () => {
    for (const back of undo) back();
  };
});

onReattach(() => {
  for (const channel of channels) channel.becomeOwn();
});
