/** Messages over a stream socket, or over any other descriptor that bytes go through, in CPython's framing. */
import { Buffer, constants } from 'node:buffer';
import { EOFError, SystemError } from '../errors.js';
import { attach, me } from '../lifecycle/participant.js';
import { onReadable, onWritable } from '../lifecycle/readiness.js';
import { FdEvents, native } from '../native.js';
import { type Departure, type Handle, HandleKind } from '../serialize/handles.js';
import { receivedBuffer } from '../serialize/received.js';
import { type Channel, ConnectionFlags, type Sending, TooLong, ticketPrefix, waysOf } from './channel.js';
import { headerFor, lengthIn, longHeader, shortHeader } from './framing.js';
import type { Notice } from './waitable.js';

const nothing = Buffer.alloc(0);

/** A descriptor that nobody closed and nobody can reach any more: the other side would wait for ever. */
const forgotten = new FinalizationRegistry<number>((fd) => native.fdClose(fd));

/** A message, or what is left of it, in the order of their departure. */
class Frame implements Sending {
  readonly #channel: SocketChannel;
  readonly header: Uint8Array;
  readonly body: Uint8Array;
  /** Bytes of both that have left. */
  sent = 0;

  constructor(channel: SocketChannel, message: Uint8Array) {
    this.#channel = channel;
    this.header = headerFor(message.length);
    this.body = message;
  }

  get done(): boolean {
    return this.sent === this.header.length + this.body.length;
  }

  advance(): boolean | undefined {
    return this.#channel.flush(this) || undefined;
  }

  advanceSync(deadline: number): boolean {
    for (;;) {
      if (this.#channel.flush(this)) return true;
      if (!this.#channel.block(FdEvents.writable, deadline)) return false;
    }
  }

  abandon(): boolean {
    return this.#channel.abandon(this);
  }
}

export class SocketChannel implements Channel {
  readonly descriptor: number;
  readonly asleep: number;
  /** Messages that begin to leave in this order. Only the first may have left in part. */
  readonly #frames: Frame[] = [];
  readonly #header = Buffer.alloc(longHeader);
  #headerRead = 0;
  #body: Buffer | undefined;
  #bodyRead = 0;
  /** Why nothing more will come. */
  #end: Error | undefined;
  #closed = false;

  /**
   * Takes the descriptor over: it is closed with the channel, or when nobody can reach that any more, or with the thread,
   * however that ends.
   */
  constructor(descriptor: number) {
    this.descriptor = descriptor;
    this.asleep = descriptor;
    native.fdOwn(descriptor);
    forgotten.register(this, descriptor, this);
  }

  take(most: number): Buffer | undefined {
    if (!this.arrived(most)) return undefined;
    const body = this.#body;
    if (body === undefined) throw this.#end;
    if (this.#bodyRead < body.length) throw this.#end;
    if (body.length > most) throw new TooLong(body.length);
    this.#body = undefined;
    this.#headerRead = 0;
    return body;
  }

  takeSync(most: number, deadline: number): Buffer | undefined {
    return this.#await(most, deadline) ? this.take(most) : undefined;
  }

  own(message: Buffer): Buffer {
    return message;
  }

  arrived(most = constants.MAX_LENGTH): boolean {
    try {
      return this.#end !== undefined || (this.#readHeader(most) && this.#readBody());
    } catch (error) {
      if (error instanceof TooLong) throw error;
      this.#end = error as Error;
      return true;
    }
  }

  arrivedSync(deadline: number): boolean {
    return this.#await(constants.MAX_LENGTH, deadline);
  }

  onArrival(callback: () => void): Notice {
    return onReadable(this.descriptor, callback);
  }

  onRoom(callback: () => void): Notice {
    return onWritable(this.descriptor, callback);
  }

  /** A socket may take a part of a message. */
  sendAtOnce(): boolean {
    return false;
  }

  send(message: Uint8Array): Sending {
    const frame = new Frame(this, message);
    this.#frames.push(frame);
    return frame;
  }

  /** Writes what there is room for; true if the frame has left with all before it. */
  flush(until: Frame): boolean {
    for (let frame = this.#frames[0]; frame !== undefined && !until.done; frame = this.#frames[0]) {
      const { header, body, sent } = frame;
      const inBody = Math.max(sent - header.length, 0);
      const count = native.fdWrite(this.descriptor, header, Math.min(sent, header.length), body, inBody);
      if (count < 0) return false;
      frame.sent += count;
      if (frame.done) this.#frames.shift();
    }
    return until.done;
  }

  /** Takes a frame back, unless a part of it has left: then the rest goes before the next message. */
  abandon(frame: Frame): boolean {
    const index = this.#frames.indexOf(frame);
    if (index === -1 || frame.sent > 0) return false;
    this.#frames.splice(index, 1);
    return true;
  }

  /** Sleeps until the descriptor is ready; false when the deadline has passed. */
  block(events: number, deadline: number): boolean {
    return native.fdPoll(new Int32Array([this.descriptor, events, 0]), deadline) > 0;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    forgotten.unregister(this);
    this.#frames.length = 0;
    this.#end = new EOFError('The connection is closed');
    native.fdClose(this.descriptor);
  }

  /**
   * A copy of the socket travels. This thread keeps it open until it has arrived.
   *
   * @throws TypeError while a message has come, or left, in part: nobody else could go on with it
   * @throws SystemError `EMFILE`
   */
  depart(readable: boolean, writable: boolean): Departure {
    if (this.#headerRead > 0) {
      throw new TypeError(
        'A connection cannot travel while a message waits in it (poll() has read it): receive it first',
      );
    }
    if (this.#frames.length > 0) {
      throw new TypeError('A connection cannot travel while messages wait to be sent through it: await them first');
    }
    attach();
    const ticket = native.descriptorKeep(this.descriptor);
    const flags = ConnectionFlags.socket | waysOf(readable, writable);
    return {
      handle: {
        kind: HandleKind.connection,
        file: ticketPrefix + ticket,
        inode: 0,
        offset: 0,
        generation: 0,
        sender: me,
        flags,
        nested: [],
      },
      cancel: () => native.descriptorDrop(ticket),
    };
  }

  /** The channel that a handle names. */
  static arrive({ file, sender }: Handle): SocketChannel {
    try {
      return new SocketChannel(native.descriptorFetch(file.slice(ticketPrefix.length), sender !== 0));
    } catch (error) {
      const reason = error instanceof SystemError ? lost[error.code ?? ''] : undefined;
      if (reason === undefined) throw error;
      const { code, errno, syscall, path } = error as SystemError;
      throw new SystemError(`${code}: ${reason}`, { code, errno, syscall, path, cause: error });
    }
  }

  #await(most: number, deadline: number): boolean {
    while (!this.arrived(most)) if (!this.block(FdEvents.readable, deadline)) return this.arrived(most);
    return true;
  }

  /** Makes room for the message once its length is known. */
  #readHeader(most: number): boolean {
    if (this.#body !== undefined) {
      if (this.#body.length > most && this.#bodyRead === 0) throw new TooLong(this.#body.length);
      return true;
    }
    for (;;) {
      const length = this.#headerRead < shortHeader ? undefined : lengthIn(this.#header, this.#headerRead);
      if (Number.isNaN(length)) throw new SystemError('EPROTO: what came is no message', broken);
      if (length !== undefined) {
        // Nothing is allocated for a message that nobody takes.
        if (length > constants.MAX_LENGTH)
          throw new SystemError('EMSGSIZE: no buffer of this Node is so large', tooLarge);
        if (length > most) throw new TooLong(length);
        this.#body = length === 0 ? nothing : receivedBuffer(length);
        this.#bodyRead = 0;
        return true;
      }
      const wanted = this.#headerRead < shortHeader ? shortHeader : longHeader;
      const count = native.fdRead(this.descriptor, this.#header.subarray(0, wanted), this.#headerRead);
      if (count < 0) return false;
      if (count === 0) throw this.#headerRead === 0 ? new EOFError() : cutOff();
      this.#headerRead += count;
    }
  }

  #readBody(): boolean {
    const body = this.#body as Buffer;
    while (this.#bodyRead < body.length) {
      const count = native.fdRead(this.descriptor, body, this.#bodyRead);
      if (count < 0) return false;
      if (count === 0) throw cutOff();
      this.#bodyRead += count;
    }
    return true;
  }
}

/** Why a connection that travelled did not arrive. */
const lost: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the thread that sent the connection has ended before it arrived',
  ENOENT: 'the connection that was sent has arrived elsewhere already',
  ETIMEDOUT: 'the process that sent the connection does not answer: it is stopped',
};

const broken = { code: 'EPROTO', errno: 71, syscall: 'recv', path: '' };

const tooLarge = { code: 'EMSGSIZE', errno: 90, syscall: 'recv', path: '' };

function cutOff(): EOFError {
  return new EOFError('The other side ended in the middle of a message');
}
