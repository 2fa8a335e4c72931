/** A standard stream of a child that leads to this process: a pair of sockets, like those of node:child_process. */
import type { Socket } from 'node:net';
import { native } from '../native.js';

export class StandardPipe {
  /** The child's end. */
  readonly theirs: number;
  readonly #ours: number;
  #open = true;

  /** @throws SystemError `EMFILE`, `ENFILE` */
  constructor() {
    [this.#ours, this.theirs] = native.channelPair(false);
  }

  /**
   * Makes this process's end a stream, once the child has its own.
   *
   * @param writable whether it is the child's stdin
   * @param reference whether it keeps the program alive while it is open
   */
  connect(writable: boolean, reference: boolean): Socket {
    this.#open = false;
    native.closeDescriptors([this.theirs]);
    const { Socket } = process.getBuiltinModule('node:net');
    const stream = new Socket({ fd: this.#ours, readable: !writable, writable });
    if (!reference) stream.unref();
    return stream;
  }

  /** Closes both ends: there is no child, or this process is it. Does nothing after {@link connect}. */
  close(): void {
    if (this.#open) native.closeDescriptors([this.#ours, this.theirs]);
    this.#open = false;
  }
}
