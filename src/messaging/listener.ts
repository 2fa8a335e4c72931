/** Listener: waits at an address for the connections of clients, and lets in those that know the key. */

import { lstatSync, unlinkSync } from 'node:fs';
import { now, type ParsedWait, parseWait, type Wait } from '../deadline.js';
import { ClosedError, SystemError, TimeoutError, ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { onReadable } from '../lifecycle/readiness.js';
import { native } from '../native.js';
import { describe } from '../options/describe.js';
import { checkedBy } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import { type AllowedModules, readModules } from '../serialize/allowed-modules.js';
import { clearTimeout, setTimeout } from '../timing.js';
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
import { type Notice, Notices, type Readiness, type Waitable, waitable } from './waitable.js';

/** Options of {@link Listener}. */
export interface ListenerOptions extends PeerOptions {
  /** What clients must know; without, every process that can connect is let in. */
  authkey?: AuthKey | undefined;
  /** How long a client may take to prove that it knows the key, in ms. Default 10,000. */
  handshakeTimeout?: number | undefined;
  /** How many connections the kernel keeps until they are accepted. Default 128 (1 in Python). */
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

/** So many clients may be proving at once; the next ones wait in the kernel, or have the place of one that is slow. */
const mostHandshakes = 64;
/** Who has not proved itself after this time, in ms, is turned away when others wait. */
const patienceMs = 1000;

/** A client that was let in or turned away. */
type Outcome =
  | { readonly connection: Connection; readonly peer: string | [string, number] }
  | { readonly error: unknown };

/** Of this process and its parents: to be removed at the end. */
const open = new Set<Listener>();

/**
 * A bound socket to which `Client` connects, here or on another machine, also from CPython (3.12 or newer, with
 * `send_bytes` and `recv_bytes`); mirrors `multiprocessing.connection.Listener`.
 *
 * Use an `authkey` wherever other users or machines can connect. `recv` of what is accepted imports no module that another
 * machine or user names, unless `modules` lists it.
 */
export class Listener implements Waitable {
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
  readonly #outcomes: Outcome[] = [];
  /** Those who are proving, and since when. */
  readonly #handshakes = new Map<Connection, number>();
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
    const { authkey, handshakeTimeout, backlog = 128, modules } = options;
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
   * A client that fails makes one call fail; the listener goes on. Clients prove at the same time, so none that is slow
   * or silent keeps the others waiting.
   *
   * @param wait milliseconds, or `{ timeout, signal }`; absent: for ever
   * @throws AuthenticationError for a client that does not know the key, or speaks another protocol
   * @throws TimeoutError for a client that took too long, and when the time is over
   * @throws SystemError `EMFILE` …; the next call may succeed
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
    for (const connection of this.#handshakes.keys()) connection.close();
    for (const outcome of this.#outcomes.splice(0)) if ('connection' in outcome) outcome.connection.close();
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
        return this.#outcomes.length > 0 || native.fdPoll(new Int32Array([this.#descriptor, 1, 0]), 0) > 0;
      },
      notice: (callback) => this.#notices.add((call) => onReadable(this.#descriptor, call), callback),
      asleep: this.#descriptor,
    };
  }

  #next(): Outcome | undefined {
    for (;;) {
      const outcome = this.#outcomes.shift();
      if (outcome !== undefined) return outcome;
      if (this.#handshakes.size >= mostHandshakes && this.#patienceLeft() > 0) return undefined;
      const accepted = native.socketAccept(this.#descriptor);
      if (accepted === null) return undefined;
      if (this.#handshakes.size >= mostHandshakes) this.#evictOldest();
      this.#receive(new SocketChannel(accepted[0]), publicAddress(accepted[1]));
    }
  }

  #receive(channel: SocketChannel, peer: string | [string, number]): void {
    const connection = new Connection(channel, { modules: this.#modules });
    if (this.#key === undefined) {
      this.#outcomes.push({ connection, peer });
      return;
    }
    this.#handshakes.set(connection, now());
    const wait: ParsedWait = { deadline: now() + this.#handshakeTimeout, signal: undefined, ref: true };
    const facts = listenerFacts(channel.descriptor, typeof this.address === 'string', this.#uid);
    const party = { key: this.#key, purpose: this.#purpose, python: this.#python, facts };
    authenticate(connection, listenerHandshake(party), wait).then(
      () => this.#settle(connection, { connection, peer }),
      (error) => {
        connection.close();
        // Who was evicted has had its outcome.
        if (this.#handshakes.has(connection)) this.#settle(connection, { error });
      },
    );
  }

  /** How long the oldest of those who are proving may still take while others wait, in ms. */
  #patienceLeft(): number {
    const [oldest] = this.#handshakes.values();
    return oldest === undefined ? Infinity : oldest + patienceMs - now();
  }

  #evictOldest(): void {
    const [connection] = this.#handshakes.keys();
    if (connection === undefined) return;
    this.#settle(connection, { error: new TimeoutError('A client did not prove in time that it knows the key') });
    connection.close();
  }

  #settle(connection: Connection, outcome: Outcome): void {
    this.#handshakes.delete(connection);
    if (this.#closed) {
      connection.close();
      return;
    }
    this.#outcomes.push(outcome);
    this.#onChange?.();
  }

  /** Those who accept look again when a client comes, and when one has proved itself or failed. */
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
    const isFull = this.#handshakes.size >= mostHandshakes;
    const patience = isFull ? this.#patienceLeft() : 0;
    this.#notice = patience > 0 ? after(patience, changed) : onReadable(this.#descriptor, changed);
    return { reference: (keep) => this.#notice?.reference(keep), cancel };
  }
}
isNoData(Listener);

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
