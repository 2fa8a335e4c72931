/** Connection: one end of a conversation in messages, over shared memory or over a socket. */

import { type Buffer, constants } from 'node:buffer';
import { type ParsedWait, parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { BufferTooShort, ClosedError, SystemError, TimeoutError, ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { native } from '../native.js';
import { describe } from '../options/describe.js';
import { boolean } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { type Origin, within } from '../serialize/afar.js';
import { type AllowedModules, type ModuleNames, modulesKind, readModules } from '../serialize/allowed-modules.js';
import { serializeBriefly } from '../serialize/brief.js';
import { deserialize, deserializeLater, discard, serialize } from '../serialize/codec.js';
import { type Departure, depart, type Traveller } from '../serialize/handles.js';
import { bytesOfView } from '../serialize/views.js';
import { type Channel, TooLong } from './channel.js';
import { isSameUser, peerUserOf } from './peer-user.js';
import { SocketChannel } from './socket-channel.js';
import { Turns } from './turns.js';
import { untilEnded } from './until-ended.js';
import { Notices, type Readiness, waitable } from './waitable.js';

/** What bytes can be sent from, and received into. */
export type Bytes = ArrayBufferView | ArrayBuffer;

/** Which ways a connection made of a descriptor goes (both, unless one is said to be `false`), and what may come through it. */
export interface ConnectionOptions {
  /** Messages are received from it. */
  readable?: boolean | undefined;
  /** Messages are sent through it. */
  writable?: boolean | undefined;
  /**
   * URLs or absolute paths of modules that messages may name although another user or machine may be at the other side: they
   * are loaded for that. Default: none; then only what `register` named can be received. Of no effect where the kernel
   * says that the peer is of this very user.
   */
  modules?: ModuleNames | undefined;
}

/** The same, with modules that were read already. */
type ChannelOptions = Omit<ConnectionOptions, 'modules'> & { modules?: ModuleNames | AllowedModules | undefined };

const connectionOptions = new OptionTable<ConnectionOptions>({
  readable: boolean,
  writable: boolean,
  modules: modulesKind,
});

const largest = constants.MAX_LENGTH;

/**
 * One end of a conversation; mirrors `multiprocessing.connection.Connection`. `Pipe` makes two of them, `Client` and
 * `Listener.accept` one each.
 *
 * Messages stay whole, however many processes send or receive. Values are written by the package's codec: shared objects,
 * exported functions and classes travel as what they are. `recv` imports the modules of functions and classes that the message
 * names only where the kernel says that the peer is of this very user (a pipe, or a local socket). From TCP and from other users
 * it takes functions and classes that `register` named here, and those of the modules that the option `modules` lists.
 */
export class Connection implements Traveller {
  readonly #channel: Channel;
  readonly #receivers: Turns;
  readonly #senders: Turns;
  readonly #notices = new Notices();
  #readable: boolean;
  #writable: boolean;
  /** Another machine or user, whose messages may not name every module. */
  readonly #origin: Origin | undefined;
  #closed = false;

  /**
   * Makes a connection of an open descriptor of a stream socket or pipe, which belongs to it from now on.
   *
   * @throws TypeError for what is no descriptor; ValueError for a negative one, or for one that goes no way
   * @throws SystemError `EBADF` for one that is not open
   */
  constructor(descriptor: number, options?: ConnectionOptions);
  /** @internal */
  constructor(channel: Channel, options?: ChannelOptions);
  constructor(carrier: number | Channel, options?: ChannelOptions) {
    refuseClones(this);
    connectionOptions.check(options as ConnectionOptions | undefined, 'Connection');
    const { readable = true, writable = true, modules } = options ?? {};
    if (!readable && !writable) throw new ValueError('Expected "readable" or "writable" to be true');
    const allowed = readModules(modules);
    this.#channel = typeof carrier === 'object' && carrier !== null ? carrier : adopt(carrier);
    this.#origin = originOf(this.#channel, allowed);
    this.#readable = readable;
    this.#writable = writable;
    this.#receivers = new Turns((callback) => this.#channel.onArrival(callback));
    this.#senders = new Turns((callback) => this.#channel.onRoom(callback));
  }

  /** Whether it was closed in this process. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether messages can be received from it. */
  get readable(): boolean {
    return this.#readable;
  }

  /** Whether messages can be sent through it. */
  get writable(): boolean {
    return this.#writable;
  }

  /**
   * Sends a value, without blocking the event loop while the other side has no room.
   *
   * @throws TypeError for what cannot travel, naming its path
   * @throws SystemError `EPIPE` if nobody has the other end open
   * @throws TimeoutError when the time is over: the message is not sent, unless a part of it had left already; then the
   *   rest goes before the next message
   */
  async send(value: unknown, wait?: Wait): Promise<void> {
    const parsed = parseWait(wait);
    this.#checkWritable();
    if (wait === undefined && this.#sendBriefly(value)) return;
    await this.#give(serialize(value), parsed, discard);
  }

  /** As {@link send}, blocking the thread. */
  sendSync(value: unknown, wait?: Wait): void {
    const deadline = parseSyncWait(wait);
    this.#checkWritable();
    if (this.#sendBriefly(value)) return;
    this.#giveSync(serialize(value), deadline, discard);
  }

  /**
   * Sends bytes as one message: all of a Buffer, typed array, DataView or ArrayBuffer, or `size` bytes from `offset` on.
   * They must not change before the promise settles. Mirrors `send_bytes`.
   *
   * @throws ValueError for a part that does not lie in the bytes; else as {@link send}
   */
  async sendBytes(bytes: Bytes, offset?: number, size?: number | null, wait?: Wait): Promise<void> {
    const parsed = parseWait(wait);
    const message = partOf(bytes, offset, size);
    this.#checkWritable();
    await this.#give(message, parsed);
  }

  /** As {@link sendBytes}, blocking the thread. */
  sendBytesSync(bytes: Bytes, offset?: number, size?: number | null, wait?: Wait): void {
    const deadline = parseSyncWait(wait);
    const message = partOf(bytes, offset, size);
    this.#checkWritable();
    this.#giveSync(message, deadline);
  }

  /**
   * Receives the next value, without blocking the event loop.
   *
   * @throws EOFError when everything was received and nobody has the other end open
   * @throws TimeoutError when the time is over; the signal's `reason` when it fired; nothing is lost then
   * @throws MultiprocError `ERR_MULTIPROC_MESSAGE` for bytes that are no value
   * @throws TypeError for a function or class of a module that another user or machine named and that is not allowed here
   *   (see `modules`); no module is loaded then
   *
   * Once the message is there, the modules of functions and classes in it are imported, however long that takes.
   */
  async recv(wait?: Wait): Promise<unknown> {
    const parsed = parseWait(wait);
    this.#checkReadable();
    const come = await this.#take(largest, parsed, (message) => {
      const later = within(this.#origin, () => deserializeLater(message, (bytes) => this.#channel.own(bytes)));
      return later === undefined ? { value: this.#read(message) } : { later };
    });
    return 'later' in come ? come.later : come.value;
  }

  /** As {@link recv}, blocking the thread. */
  recvSync(wait?: Wait): unknown {
    const deadline = parseSyncWait(wait);
    this.#checkReadable();
    return this.#read(this.#takeSync(largest, deadline));
  }

  /**
   * Receives the next message as bytes, also if it was sent as a value. Mirrors `recv_bytes`.
   *
   * @param maxLength a longer message is an error, `EMSGSIZE`; nothing can be received any more then, as in Python
   */
  async recvBytes(maxLength?: number | null, wait?: Wait): Promise<Buffer> {
    const parsed = parseWait(wait);
    const most = checkMaxLength(maxLength);
    this.#checkReadable();
    return this.#take(most, parsed, (message) => this.#channel.own(message));
  }

  /** As {@link recvBytes}, blocking the thread. */
  recvBytesSync(maxLength?: number | null, wait?: Wait): Buffer {
    const deadline = parseSyncWait(wait);
    const most = checkMaxLength(maxLength);
    this.#checkReadable();
    return this.#channel.own(this.#takeSync(most, deadline));
  }

  /**
   * Receives the next message as bytes into a buffer, from byte `offset` on, and returns how many there were. Mirrors
   * `recv_bytes_into`.
   *
   * @throws BufferTooShort for a longer message, which is then in the error's `bytes`
   * @throws ValueError for an offset outside of the buffer
   */
  async recvBytesInto(buffer: Bytes, offset = 0, wait?: Wait): Promise<number> {
    const parsed = parseWait(wait);
    const room = partOf(buffer, offset);
    this.#checkReadable();
    return this.#take(largest, parsed, (message) => fill(room, this.#channel, message));
  }

  /** As {@link recvBytesInto}, blocking the thread. */
  recvBytesIntoSync(buffer: Bytes, offset = 0, wait?: Wait): number {
    const deadline = parseSyncWait(wait);
    const room = partOf(buffer, offset);
    this.#checkReadable();
    return fill(room, this.#channel, this.#takeSync(largest, deadline));
  }

  /**
   * Whether receiving would not wait: a message is here, or the end is. By default it does not wait for that either.
   *
   * @param timeout milliseconds, or `{ timeout, signal }`; `Infinity`: for ever
   */
  async poll(timeout: Wait = 0): Promise<boolean> {
    const parsed = parseWait(timeout);
    this.#checkReadable();
    return (await this.#receivers.wait(() => this.#channel.arrived() || undefined, parsed)) === true;
  }

  /** As {@link poll}, blocking the thread. */
  pollSync(timeout: Wait = 0): boolean {
    const deadline = parseSyncWait(timeout);
    this.#checkReadable();
    return this.#channel.arrivedSync(deadline);
  }

  /** Lets go of this end in this process; what waits on it here fails with {@link ClosedError}. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const reason = closedError();
    this.#notices.close();
    this.#receivers.fail(reason);
    this.#senders.fail(reason);
    this.#channel.close();
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Every value that comes, until the other side is gone. */
  [Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    return untilEnded(() => this.recv());
  }

  /** @internal */
  [depart](): Departure {
    if (this.#closed) throw closedError();
    return this.#channel.depart(this.#readable, this.#writable);
  }

  /** @internal What carries it, for who goes on without this object. */
  get channel(): Channel {
    return this.#channel;
  }

  /** @internal Sends bytes within a wait that was read already. */
  async give(message: Uint8Array, wait: ParsedWait): Promise<void> {
    this.#checkWritable();
    await this.#give(message, wait);
  }

  /** @internal Receives bytes within a wait that was read already. */
  async take(most: number, wait: ParsedWait): Promise<Buffer> {
    this.#checkReadable();
    return this.#take(most, wait, (message) => this.#channel.own(message));
  }

  /** @internal */
  [waitable](): Readiness {
    this.#checkReadable();
    return {
      ready: () => {
        this.#checkReadable();
        return this.#channel.arrived();
      },
      notice: (callback) => this.#notices.add((call) => this.#channel.onArrival(call), callback),
      asleep: this.#channel.asleep,
    };
  }

  #read(message: Buffer): unknown {
    return this.#origin === undefined ? deserialize(message) : within(this.#origin, () => deserialize(message));
  }

  #sendBriefly(value: unknown): boolean {
    const brief = serializeBriefly(value);
    return brief !== undefined && this.#channel.sendAtOnce(brief);
  }

  async #give<T extends Uint8Array>(message: T, wait: ParsedWait, unsent?: (message: T) => void): Promise<void> {
    const sending = this.#channel.send(message);
    try {
      if ((await this.#senders.wait(() => sending.advance(), wait)) === true) return;
    } catch (error) {
      if (sending.abandon()) unsent?.(message);
      throw error;
    }
    throw missed(sending.abandon(), () => unsent?.(message));
  }

  #giveSync<T extends Uint8Array>(message: T, deadline: number, unsent?: (message: T) => void): void {
    const sending = this.#channel.send(message);
    try {
      if (sending.advanceSync(deadline)) return;
    } catch (error) {
      if (sending.abandon()) unsent?.(message);
      throw error;
    }
    throw missed(sending.abandon(), () => unsent?.(message));
  }

  /** What `use` makes of the next message, as soon as it is here: the bytes may not last longer. */
  async #take<T>(most: number, wait: ParsedWait, use: (message: Buffer) => T): Promise<T> {
    let used: T | undefined;
    try {
      used = await this.#receivers.wait(() => {
        const message = this.#channel.take(most);
        return message === undefined ? undefined : use(message);
      }, wait);
    } catch (error) {
      throw this.#explain(error);
    }
    if (used === undefined) throw new TimeoutError('No message came in time');
    return used;
  }

  #takeSync(most: number, deadline: number): Buffer {
    let message: Buffer | undefined;
    try {
      message = this.#channel.takeSync(most, deadline);
    } catch (error) {
      throw this.#explain(error);
    }
    if (message === undefined) throw new TimeoutError('No message came in time');
    return message;
  }

  /** A message that nobody takes is in the way of all others. */
  #explain(error: unknown): unknown {
    if (!(error instanceof TooLong)) return error;
    const reason = new SystemError(`EMSGSIZE: the message has ${error.length} bytes, more than were asked for`, {
      code: 'EMSGSIZE',
      errno: 90,
      syscall: 'recv',
      path: '',
    });
    if (this.#writable) {
      this.#readable = false;
      this.#receivers.fail(reason);
    } else {
      this.close();
    }
    return reason;
  }

  #checkReadable(): void {
    if (this.#closed) throw closedError();
    if (!this.#readable) throw wrongWay('recv', 'nothing can be received from it');
  }

  #checkWritable(): void {
    if (this.#closed) throw closedError();
    if (!this.#writable) throw wrongWay('send', 'nothing can be sent through it');
  }
}
isNoData(Connection);

/** `undefined` for a peer of this very user; pipes in shared memory are open to no other one. */
function originOf(channel: Channel, modules: ReadonlySet<string>): Origin | undefined {
  if (!(channel instanceof SocketChannel) || isSameUser(channel.descriptor)) return undefined;
  // Another user has no object that could be attached here; over TCP there may be a process of this user.
  return { modules, attaches: peerUserOf(channel.descriptor) === undefined };
}

function adopt(descriptor: unknown): Channel {
  if (typeof descriptor !== 'number' || !Number.isInteger(descriptor)) {
    throw new TypeError(`Expected "descriptor" to be an integer, got ${describe(descriptor)}`);
  }
  if (descriptor < 0 || descriptor > 0x7fffffff) {
    throw new ValueError(`Expected "descriptor" to be that of an open file, got ${descriptor}`);
  }
  native.fdCheck(descriptor);
  return new SocketChannel(descriptor);
}

function closedError(): ClosedError {
  return new ClosedError('The connection is closed in this process');
}

function wrongWay(syscall: string, why: string): SystemError {
  return new SystemError(`EBADF: ${why}`, { code: 'EBADF', errno: 9, syscall, path: '' });
}

function missed(abandoned: boolean, unsent: () => void): TimeoutError {
  if (!abandoned) {
    return new TimeoutError('There was no room for all of the message in time: the rest goes before the next one');
  }
  unsent();
  return new TimeoutError('There was no room for the message in time');
}

function checkMaxLength(maxLength: unknown): number {
  if (maxLength === undefined || maxLength === null) return largest;
  if (typeof maxLength !== 'number' || Number.isNaN(maxLength)) {
    throw new TypeError(`Expected "maxLength" to be a number of bytes, got ${describe(maxLength)}`);
  }
  if (maxLength < 0) throw new ValueError(`Expected "maxLength" not to be negative, got ${maxLength}`);
  return Math.min(maxLength, largest);
}

function partOf(bytes: Bytes, offset: unknown = 0, size?: unknown): Uint8Array {
  if (!ArrayBuffer.isView(bytes) && !(bytes instanceof ArrayBuffer)) {
    throw new TypeError('Expected a Buffer, a typed array, a DataView or an ArrayBuffer');
  }
  const all = ArrayBuffer.isView(bytes) ? bytesOfView(bytes) : new Uint8Array(bytes);
  const start = checkPart('offset', offset, all.length);
  const length = size === undefined || size === null ? all.length - start : checkPart('size', size, all.length - start);
  return start === 0 && length === all.length ? all : all.subarray(start, start + length);
}

function checkPart(name: string, value: unknown, most: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw new TypeError(`Expected "${name}" to be an integer, got ${describe(value)}`);
  }
  if (value < 0 || value > most) throw new ValueError(`Expected "${name}" to be 0 … ${most}, got ${value}`);
  return value;
}

function fill(room: Uint8Array, channel: Channel, message: Buffer): number {
  if (message.length > room.length) {
    throw new BufferTooShort(`The message has ${message.length} bytes, the buffer room for ${room.length}`, {
      bytes: channel.own(message),
    });
  }
  room.set(message);
  return message.length;
}
