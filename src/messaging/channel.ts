/** What carries the messages of a Connection: a socket, or two rings in shared memory. */
import { layout } from '../native.js';
import type { Departure } from '../serialize/handles.js';
import type { Notice } from './waitable.js';

/** Bits of a connection's handle: which ways it goes, and whether it is a socket; the lower ones are of the pipe. */
export const ConnectionFlags = { readable: 4, writable: 8, socket: 16 } as const;

/** How the `file` of a handle to a socket begins, as the names of our files do. */
export const ticketPrefix = `multiproc-${layout.abi}-`;

export function waysOf(readable: boolean, writable: boolean): number {
  return (readable ? ConnectionFlags.readable : 0) | (writable ? ConnectionFlags.writable : 0);
}

/** A message on its way out. */
export interface Sending {
  /** Goes on without waiting; true once all of it has left. */
  advance(): boolean | undefined;
  /** Goes on, blocking the thread; false when the deadline has passed. */
  advanceSync(deadline: number): boolean;
  /** Its sender no longer waits. True if nothing of it has left, and nothing will. */
  abandon(): boolean;
}

/** Nothing here waits, but for what is called …Sync. Deadlines are those of deadline.ts. */
export interface Channel {
  /**
   * The next message, if all of it is here. The bytes may change with the next call: {@link own} keeps them.
   *
   * @throws EOFError when everything was taken and nobody is left to send
   * @throws TooLong for a message of more than `most` bytes, which stays where it is
   */
  take(most: number): Buffer | undefined;
  /** As {@link take}, blocking the thread; `undefined` when the deadline has passed. */
  takeSync(most: number, deadline: number): Buffer | undefined;
  /** The message, or a copy of it that stays as it is. */
  own(message: Buffer): Buffer;
  /** Whether `take` would give or throw something. */
  arrived(): boolean;
  /** As {@link arrived}, blocking the thread. */
  arrivedSync(deadline: number): boolean;
  /** Calls back once when `arrived` may have become true. */
  onArrival(callback: () => void): Notice;

  /** Sends a message of a few bytes, which is copied, if that is possible at once; else false, and nothing has left. */
  sendAtOnce(message: Uint8Array): boolean;
  send(message: Uint8Array): Sending;
  /** Calls back once when a message on its way may go on. */
  onRoom(callback: () => void): Notice;

  close(): void;
  depart(readable: boolean, writable: boolean): Departure;
  /** What a blocked thread sleeps on until something arrives: as in `Readiness`. */
  readonly asleep: number | readonly number[];
}

/** The message that is next is longer than was asked for. */
export class TooLong extends Error {
  readonly length: number;

  constructor(length: number) {
    super(`The message has ${length} bytes`);
    this.length = length;
  }
}
