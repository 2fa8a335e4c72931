/** Listener: waits at an address for the connections of clients, and lets in those that know the key. */

import { lstatSync, unlinkSync } from 'node:fs';
import { now, type ParsedWait, parseWait, type Wait } from '../deadline.js';
import { ClosedError, SystemError, TimeoutError, ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { onReadable } from '../lifecycle/readiness.js';
import { FdEvents, native } from '../native.js';
import { describe } from '../options/describe.js';
import { checkedBy } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { type AllowedModules, readModules } from '../serialize/allowed-modules.js';
import { descriptorLimit } from '../shared/descriptor-limit.js';
import { clearImmediate, clearTimeout, setImmediate, setTimeout } from '../timing.js';
import { type Address, isHostName, publicAddress } from './address.js';
import { type AuthKey, authenticate, authKeyKind, readKey } from './authentication.js';
import { listenerFacts } from './channel-claim.js';
import { Connection } from './connection.js';
import { type Family, familyKind, parseAddressOf } from './family.js';
import { listenerHandshake, type Purpose } from './handshake.js';
import { handshakeTimeoutKind, readHandshakeTimeout } from './handshake-timeout.js';
import { type PeerOptions, peerFields } from './peer-options.js';
import { SocketChannel } from './socket-channel.js';
import { freshSocketPath } from './socket-folder.js';
import { Turns } from './turns.js';
import { type Notice, Notices, type Readiness, waitable } from './waitable.js';

/** Options of {@link Listener}. */
export interface ListenerOptions extends PeerOptions {
  /** What clients must know; without, every process that can connect is let in. */
  authkey?: AuthKey | undefined;
  /** How long a client may take to prove that it knows the key, in ms. Default 10,000. */
  handshakeTimeout?: number | undefined;
  /** How many connections the kernel keeps until they are accepted. Default: as many as it allows (1 in Python). */
  backlog?: number | undefined;
  /** Of the address, which says it by itself; without an address, which kind of one to take. Default `'AF_UNIX'`. */
  family?: Family | null | undefined;
}

const listenerOptions = new OptionTable<ListenerOptions>({
  authkey: authKeyKind,
  handshakeTimeout: handshakeTimeoutKind,
  backlog: checkedBy((value, name) => {
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0x7fffffff) return;
    throw new ValueError(`Expected "${name}" to be a non-negative integer, got ${describe(value)}`);
  }),
  family: familyKind,
  ...peerFields,
});

/** Linux lowers this to net.core.somaxconn. */
const maxBacklog = 4096;
/** Upper bound on connections that have not proved the key; three quarters of the descriptors where that is less. */
const maxUnproven = 16_384;
/** Connections that are accepted in one turn of the event loop. */
const maxAccepts = 512;
/** Handshakes that are begun in one turn of the event loop; those in flight advance before the next ones. */
const maxBeginnings = 16;
/** Handshakes in flight that may still be within the patience: more would only make each of them slower. */
const maxFresh = 128;
/** Pause, in ms, before the next look whether that has changed. */
const freshPauseMs = 2;
/**
 * How long, in ms, a connection keeps its place unproven while another one needs it: twice as long as handshakes take here,
 * within these bounds, and at first as long as a client on this machine needs that is busy starting.
 */
const firstPatienceMs = 50;
const minPatienceMs = 20;
const maxPatienceMs = 1000;
/** Weight of the newest handshake in the mean duration. */
const newestWeight = 0.2;
/** Pause, in ms, after an accept that failed, so that a loop of accepts does not keep the thread busy. */
const pauseMs = 20;
/** The process, the system or the kernel's memory has no room for another descriptor: a place that gets free is a cure. */
const shortages = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

/** A client that was let in or turned away. */
type Outcome = Success | Failure;
interface Success {
  readonly connection: Connection;
  readonly peer: string | [string, number];
}
interface Failure {
  readonly error: unknown;
}
/** A connection that was accepted, and where it came from. */
interface Arrival {
  readonly channel: SocketChannel;
  readonly peer: string | [string, number];
}

/** Of this process and its parents: to be removed at the end. */
const open = new Set<Listener>();

/**
 * A bound socket to which `Client` connects, here or on another machine, also from CPython (3.12 or newer, with
 * `send_bytes` and `recv_bytes`); mirrors `multiprocessing.connection.Listener`.
 *
 * Use an `authkey` wherever other users or machines can connect. `recv` of what is accepted imports no module that another
 * machine or user names, unless `modules` lists it.
 */
export class Listener {
  /** Where it listens, with the real port: what a client needs. */
  readonly address: string | [string, number];

  readonly #descriptor: number;
  readonly #key: Buffer | undefined;
  readonly #purpose: Purpose;
  readonly #python: boolean;
  readonly #modules: AllowedModules;
  /** That of the moment when it began to listen: what the kernel tells clients. */
  readonly #uid = process.geteuid?.();
  readonly #handshakeTimeout: number;
  readonly #acceptors: Turns;
  /** Clients that were let in, which `accept` returns before it reports the failures. */
  readonly #successes: Success[] = [];
  readonly #failures: Failure[] = [];
  /** Connections whose handshakes have not begun, the oldest first. */
  readonly #arrivals: Arrival[] = [];
  /** Cancels the next round of beginnings. */
  #beginning: (() => void) | undefined;
  /** Those of the handshakes in flight that are within the patience, at the last look. */
  readonly #fresh = new Map<Connection, number>();
  /** Connections whose handshakes are in flight, and when these began, the oldest first. */
  readonly #handshakes = new Map<Connection, number>();
  readonly #maxHandshakes: number;
  /** Mean duration of the handshakes that succeeded, in ms; `undefined` before the first. */
  #meanDuration: number | undefined;
  /** No connection is accepted before this time: there is no room, or an accept has failed. */
  #acceptFrom = 0;
  /** The socket file, to be removed by the process that made it. */
  readonly #file: { readonly path: string; readonly inode: number; readonly pid: number } | undefined;
  readonly #notices = new Notices();
  #notice: Notice | undefined;
  #onChange: (() => void) | undefined;
  #lastAccepted: string | [string, number] | null = null;
  #closed = false;

  /**
   * Binds the address and listens; both are done on return.
   *
   * @param address without one: a socket file in a folder that only this user can enter, removed by `close()`; with
   *   `family: 'AF_INET'` a free port of this machine. Port 0: a free port. Socket files get the mode 0600
   * @throws SystemError `EADDRINUSE` if somebody listens there, or left a socket file there; `EACCES`, `ENOENT` …
   * @throws ValueError for a path of Windows' pipes, an unknown family, and an address of another family
   */
  constructor(address?: Address | null, options?: ListenerOptions);
  /** @internal */
  constructor(address?: Address | null, options?: ListenerOptions, purpose?: Purpose, descriptor?: number);
  constructor(
    address?: Address | null,
    options: ListenerOptions = {},
    purpose: Purpose = 'messages',
    /** A socket that listens at the address already, which belongs to the listener from now on. */
    descriptor?: number,
  ) {
    refuseClones(this);
    listenerOptions.check(options, 'Listener');
    const { authkey, handshakeTimeout, backlog = maxBacklog, modules } = options;
    const family = options.family ?? undefined;
    this.#key = readKey(authkey);
    this.#purpose = purpose;
    this.#python = options.python ?? true;
    this.#modules = readModules(modules);
    this.#handshakeTimeout = readHandshakeTimeout(handshakeTimeout);
    const parsed = parseAddressOf(family, address ?? (family === 'AF_INET' ? ['localhost', 0] : freshSocketPath()));
    const text = isHostName(parsed) ? native.socketResolve(parsed.text) : parsed.text;
    this.#descriptor = descriptor ?? listen(parsed.local, text, parsed.port, backlog);
    native.fdOwn(this.#descriptor);
    this.address = publicAddress(native.socketAddress(this.#descriptor));
    if (parsed.local && !text.startsWith('\0')) {
      this.#file = { path: text, inode: lstatSync(text).ino, pid: process.pid };
    }
    this.#maxHandshakes = Math.max(1, Math.min(maxUnproven, Math.floor(descriptorLimit() * 0.75)));
    this.#acceptors = new Turns((callback) => this.#watch(callback));
    open.add(this);
  }

  /** Whether it was closed in this process. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Where the last client that was let in came from: host and port, or an empty string; null before the first. */
  get lastAccepted(): string | [string, number] | null {
    return this.#lastAccepted;
  }

  /**
   * The next client, once it has proved that it knows the key, and this listener has proved it, too.
   *
   * A client that fails makes one call fail; the listener goes on. Clients are accepted before they prove the key, and prove
   * it at the same time, so one that is slow or silent does not delay the others. Where descriptors run short, the oldest
   * connection that has not proved the key is closed for the next one.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: for ever
   * @throws AuthenticationError for a client that does not know the key, or speaks another protocol
   * @throws TimeoutError for a client that took too long or was closed for another one, and when the time is over
   * @throws SystemError `EMFILE` … while no descriptor can be had; the next call tries again after 20 ms
   */
  async accept(wait?: Wait): Promise<Connection> {
    const parsed = parseWait(wait);
    if (this.#closed) throw closedError();
    const outcome = await this.#acceptors.wait(() => this.#next(), parsed);
    if (outcome === undefined) throw new TimeoutError('No client came in time');
    if ('error' in outcome) throw outcome.error;
    this.#lastAccepted = outcome.peer;
    return outcome.connection;
  }

  /** Stops listening and removes the socket file. Connections that were accepted stay. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    open.delete(this);
    this.#notices.close();
    this.#notice?.cancel();
    this.#acceptors.fail(closedError());
    this.#beginning?.();
    for (const { channel } of this.#arrivals.splice(0)) channel.close();
    for (const connection of this.#handshakes.keys()) connection.close();
    for (const { connection } of this.#successes.splice(0)) connection.close();
    this.removeFile();
    native.fdClose(this.#descriptor);
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** @internal Only the maker removes the file, and only while it is the one that it made. */
  removeFile(): void {
    const file = this.#file;
    if (file === undefined || file.pid !== process.pid) return;
    try {
      if (lstatSync(file.path).ino === file.inode) unlinkSync(file.path);
    } catch {
      // Somebody else has removed it.
    }
  }

  /** @internal */
  [waitable](): Readiness {
    if (this.#closed) throw closedError();
    return {
      ready: () => {
        if (this.#closed) throw closedError();
        return this.#successes.length + this.#failures.length > 0 || this.#hasClient();
      },
      notice: (callback) => this.#notices.add((call) => onReadable(this.#descriptor, call), callback),
      asleep: this.#descriptor,
    };
  }

  #next(): Outcome | undefined {
    const outcome = this.#outcome();
    if (outcome !== undefined || now() < this.#acceptFrom) return outcome;
    let accepted = 0;
    while (accepted < maxAccepts && this.#successes.length === 0 && this.#acceptOne()) accepted++;
    if (this.#beginning === undefined) this.#begin();
    return this.#outcome();
  }

  /** Clients that were let in come before those that were not, however many these are. */
  #outcome(): Outcome | undefined {
    return this.#successes.shift() ?? this.#failures.shift();
  }

  /** Accepts a connection that the kernel has. False if there is none, or no room yet. */
  #acceptOne(): boolean {
    if (this.#arrivals.length + this.#handshakes.size >= this.#maxHandshakes && !this.#makeRoom()) return false;
    let accepted: ReturnType<typeof native.socketAccept>;
    try {
      accepted = native.socketAccept(this.#descriptor);
    } catch (error) {
      return this.#acceptInstead(error);
    }
    if (accepted === null) return false;
    const arrival = { channel: new SocketChannel(accepted[0]), peer: publicAddress(accepted[1]) };
    if (this.#key !== undefined) {
      this.#arrivals.push(arrival);
    } else {
      const connection = new Connection(arrival.channel, { modules: this.#modules });
      this.#successes.push({ connection, peer: arrival.peer });
    }
    return true;
  }

  /**
   * Begins handshakes, some in each turn of the event loop, until there are no arrivals. The newest and the oldest arrival
   * have their turns alternately: neither has to wait until the handshakes of all others have begun.
   */
  #begin(): void {
    this.#beginning = undefined;
    for (let begun = 0; begun < maxBeginnings; begun++) {
      if (this.#arrivals.length > 0 && !this.#mayBegin()) {
        const timer = setTimeout(() => this.#begin(), freshPauseMs);
        this.#beginning = () => clearTimeout(timer);
        return;
      }
      const arrival = begun % 2 === 0 ? this.#arrivals.pop() : this.#arrivals.shift();
      if (arrival === undefined) return;
      this.#prove(this.#key as Buffer, arrival);
    }
    const immediate = setImmediate(() => this.#begin());
    this.#beginning = () => clearImmediate(immediate);
  }

  /** Whether few of the handshakes in flight are within the patience. */
  #mayBegin(): boolean {
    const before = now() - this.#patience;
    for (const [connection, begun] of this.#fresh) {
      if (begun >= before) break;
      this.#fresh.delete(connection);
    }
    return this.#fresh.size < maxFresh;
  }

  /** After an accept that failed: where an unproven connection is closed for it, the next accept can succeed. */
  #acceptInstead(error: unknown): boolean {
    if (isShortage(error)) {
      // The kernel looks for a free descriptor before it looks for a client.
      if (!this.#hasClient()) return false;
      if (this.#arrivals.length + this.#handshakes.size > 0) return this.#makeRoom();
    }
    this.#acceptFrom = now() + pauseMs;
    throw error;
  }

  /** Closes the oldest unproven connection if a client waits and its time is over. False if there is no room yet. */
  #makeRoom(): boolean {
    const [oldest] = this.#handshakes;
    // Arrivals have their time when their handshakes have begun.
    if (oldest === undefined || !this.#hasClient()) return false;
    const [connection, since] = oldest;
    const evictFrom = since + this.#patience;
    if (now() < evictFrom) {
      this.#acceptFrom = evictFrom;
      return false;
    }
    const error = new TimeoutError(
      'A client had not yet proved that it knows the key when another one needed its place: it was turned away',
    );
    // The caller looks for failures itself: `#settle` would have it look while it is looking.
    this.#handshakes.delete(connection);
    this.#fresh.delete(connection);
    this.#failures.push({ error });
    connection.close();
    return true;
  }

  get #patience(): number {
    if (this.#meanDuration === undefined) return firstPatienceMs;
    return Math.min(Math.max(2 * this.#meanDuration, minPatienceMs), maxPatienceMs);
  }

  /** Whether the kernel has a connection to accept. */
  #hasClient(): boolean {
    return native.fdPoll(new Int32Array([this.#descriptor, FdEvents.readable, 0]), 0) > 0;
  }

  #prove(key: Buffer, { channel, peer }: Arrival): void {
    const connection = new Connection(channel, { modules: this.#modules });
    const begun = now();
    this.#handshakes.set(connection, begun);
    this.#fresh.set(connection, begun);
    const wait: ParsedWait = { deadline: begun + this.#handshakeTimeout, signal: undefined, ref: true };
    const facts = listenerFacts(channel.descriptor, typeof this.address === 'string', this.#uid);
    const party = { key, purpose: this.#purpose, python: this.#python, facts };
    authenticate(connection, listenerHandshake(party), wait).then(
      () => {
        const duration = now() - begun;
        this.#meanDuration = mix(this.#meanDuration ?? duration, duration);
        this.#settle(connection, { connection, peer });
      },
      (error) => {
        connection.close();
        // A connection that was closed for another one has had its outcome.
        if (this.#handshakes.has(connection)) this.#settle(connection, { error });
      },
    );
  }

  #settle(connection: Connection, outcome: Outcome): void {
    this.#handshakes.delete(connection);
    this.#fresh.delete(connection);
    if (this.#closed) {
      connection.close();
      return;
    }
    this.#acceptFrom = 0;
    if ('connection' in outcome) this.#successes.push(outcome);
    else this.#failures.push(outcome);
    this.#onChange?.();
  }

  /** `accept` looks again when a client comes, when one has proved the key or failed, and when there is room again. */
  #watch(callback: () => void): Notice {
    const cancel = () => {
      this.#onChange = undefined;
      this.#notice?.cancel();
      this.#notice = undefined;
    };
    const changed = () => {
      cancel();
      callback();
    };
    this.#onChange = changed;
    const pause = this.#acceptFrom - now();
    this.#notice = pause > 0 ? after(pause, changed) : this.#onClient(changed);
    return { reference: (keep) => this.#notice?.reference(keep), cancel };
  }

  #onClient(callback: () => void): Notice {
    try {
      return onReadable(this.#descriptor, callback);
    } catch (error) {
      // Waiting needs descriptors of its own at first. An accept that cannot have one reports that, once a client is there.
      if (isShortage(error)) return after(pauseMs, callback);
      throw error;
    }
  }
}
isNoData(Listener);

function isShortage(error: unknown): boolean {
  return error instanceof SystemError && shortages.has(error.code ?? '');
}

function mix(mean: number, newest: number): number {
  return mean + newestWeight * (newest - mean);
}

function after(ms: number, callback: () => void): Notice {
  const timer = setTimeout(callback, Math.max(Math.ceil(ms), 1));
  return {
    reference(keep) {
      if (keep) timer.ref();
      else timer.unref();
    },
    cancel: () => clearTimeout(timer),
  };
}

function listen(local: boolean, text: string, port: number, backlog: number): number {
  try {
    return native.socketListen(local, text, port, backlog);
  } catch (error) {
    if (!local || !(error instanceof SystemError) || error.code !== 'EADDRINUSE' || !isAbandoned(text)) throw error;
    const { code, errno, syscall, path } = error;
    throw new SystemError(
      `EADDRINUSE: '${text}' is the socket file of a program that ended without removing it: remove it`,
      { code, errno, syscall, path, cause: error },
    );
  }
}

function isAbandoned(path: string): boolean {
  try {
    return lstatSync(path).isSocket() && !native.socketProbe(path);
  } catch {
    return false;
  }
}

function closedError(): ClosedError {
  return new ClosedError('The listener is closed in this process');
}

process.on('exit', () => {
  for (const listener of open) listener.removeFile();
});
