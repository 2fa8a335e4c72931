/** Messages between a member of a named pool and its host over a socket, without blocking the thread. */
import { constants } from 'node:buffer';
import type { Sending } from '../../messaging/channel.js';
import type { SocketChannel } from '../../messaging/socket-channel.js';
import type { Notice } from '../../messaging/waitable.js';
import { FdEvents, native } from '../../native.js';
import { performanceNow } from '../../timing.js';

/** Upper bound in ms on reading without a turn of the event loop. */
const maxTurn = 8;

export interface WireOwner {
  /** Called with each message; the owner may keep the bytes. */
  message(bytes: Buffer): void;
  /** Called once at the end of the connection, not after {@link Wire.close}. */
  ended(error: unknown): void;
}

export class Wire {
  readonly channel: SocketChannel;
  readonly #owner: WireOwner;
  readonly #outbox: Buffer[] = [];
  #sending: Sending | undefined;
  #arrival: Notice | undefined;
  #room: Notice | undefined;
  #isReferenced = false;
  #closed = false;

  constructor(channel: SocketChannel, owner: WireOwner) {
    this.channel = channel;
    this.#owner = owner;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Starts reading. */
  open(): void {
    this.#read();
  }

  /** Sets whether a pending read or write keeps the program alive. */
  reference(keep: boolean): void {
    this.#isReferenced = keep;
    this.#arrival?.reference(keep);
    this.#room?.reference(keep);
  }

  /** Sends a message as soon as there is room for it. */
  send(bytes: Buffer): void {
    if (this.#closed) return;
    this.#outbox.push(bytes);
    if (this.#room === undefined) this.#write();
  }

  /** Reads and writes without the event loop; returns `false` if nothing arrived by the deadline. */
  serveSync(deadline: number): boolean {
    if (this.#closed) return false;
    if (this.#readAll(Infinity) > 0 || this.#closed) return true;
    const events = this.#outbox.length > 0 ? FdEvents.readable | FdEvents.writable : FdEvents.readable;
    native.fdPoll(Int32Array.of(this.channel.descriptor, events, 0), deadline);
    if (this.#outbox.length > 0) this.#write();
    return this.#readAll(Infinity) > 0;
  }

  /** Stops reading and sending. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#arrival?.cancel();
    this.#room?.cancel();
    this.#outbox.length = 0;
    this.channel.close();
  }

  #read(): void {
    this.#arrival = undefined;
    this.#readAll(performanceNow() + maxTurn);
    if (this.#closed) return;
    this.#arrival = this.channel.onArrival(() => this.#read());
    this.#arrival.reference(this.#isReferenced);
  }

  #readAll(until: number): number {
    let count = 0;
    while (!this.#closed) {
      let message: Buffer | undefined;
      try {
        message = this.channel.take(constants.MAX_LENGTH);
      } catch (error) {
        this.#end(error);
        return count + 1;
      }
      if (message === undefined) break;
      count++;
      this.#owner.message(message);
      if ((count & 15) === 0 && performanceNow() > until) break;
    }
    return count;
  }

  #write(): void {
    this.#room = undefined;
    try {
      for (let first = this.#outbox[0]; first !== undefined; first = this.#outbox[0]) {
        this.#sending ??= this.channel.send(first);
        if (this.#sending.advance() !== true) break;
        this.#sending = undefined;
        this.#outbox.shift();
      }
    } catch (error) {
      // Messages that the other side sent before its end are still read.
      if (this.#readAll(Infinity) === 0 || !this.#closed) this.#end(error);
      return;
    }
    if (this.#outbox.length === 0 || this.#closed) return;
    this.#room = this.channel.onRoom(() => this.#write());
    this.#room.reference(this.#isReferenced);
  }

  #end(error: unknown): void {
    if (this.#closed) return;
    this.close();
    this.#owner.ended(error);
  }
}
