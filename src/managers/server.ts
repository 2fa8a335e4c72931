/**
 * Server: holds objects for clients, which call their methods. Everybody who knows the key is served; methods run one at a
 * time, and those that wait are waited for without holding anybody up.
 */

import { now } from '../deadline.js';
import {
  AuthenticationError,
  ClosedError,
  EOFError,
  MultiprocError,
  RemoteError,
  SystemError,
  TimeoutError,
} from '../errors.js';
import { afterForkInChild } from '../lifecycle/after-fork.js';
import { attach } from '../lifecycle/participant.js';
import { randomBytes } from '../lifecycle/random-bytes.js';
import { getLogger } from '../logging.js';
import type { Address } from '../messaging/address.js';
import { mostBytes } from '../messaging/authentication.js';
import type { Connection } from '../messaging/connection.js';
import { checkHandshakeTimeout } from '../messaging/handshake-timeout.js';
import { Listener } from '../messaging/listener.js';
import { Pipe } from '../messaging/pipe.js';
import { serialize } from '../serialize/codec.js';
import { findReference } from '../serialize/references.js';
import type { ProxyDetails } from './carriage.js';
import { type Exposed, expose } from './exposed.js';
import { byMemory, handedOver, readGreeting, type Welcome } from './greeting.js';
import { type CheckedLimits, checkLimits, type ManagerLimits } from './limits.js';
import { LocalHold } from './local-hold.js';
import { holdOf } from './proxy.js';
import type { Registry, TypeOptions } from './registry.js';
import { serveHere } from './served-here.js';
import { Session } from './session.js';
import { ManagedIterator } from './types/iterator.js';

/** What a server is made with. */
export interface ServerOptions {
  readonly address: Address | undefined;
  readonly key: Buffer;
  readonly limits?: ManagerLimits | undefined;
  readonly handshakeTimeout?: number | undefined;
  /** Whether a client may stop it: that of a manager which has started it. */
  readonly stoppable?: boolean | undefined;
}

/** An object that clients have proxies of. */
export interface Entry extends Exposed {
  readonly id: number;
  readonly object: unknown;
  readonly details: ProxyDetails;
  readonly methodToTypeid: Readonly<Record<string, string>>;
  /** References of all clients, and of proxies on their way. */
  count: number;
}

/** After an accept that failed for want of descriptors, for example. */
const pauseMs = 20;

const servers = new Set<Server>();

/** Serves the objects of a manager in this process. `BaseManager.getServer` makes it. */
export class Server {
  /** Where clients connect, with the real port. */
  readonly address: string | [string, number];
  /** @internal */
  readonly limits: CheckedLimits;
  /** @internal */
  readonly stoppable: boolean;
  /** @internal */
  readonly key: Buffer;
  readonly #registry: Registry;
  readonly #listener: Listener;
  readonly #handshakeTimeout: number;
  readonly #entries = new Map<number, Entry>();
  /** Entries of objects, by type, that are known already. */
  readonly #known = new WeakMap<object, Map<string, Entry>>();
  readonly #sessions = new Set<Session>();
  /** Clients that are about to begin. */
  readonly #arriving = new Set<Connection>();
  /** Proxies on their way, and those that arrived before they were said to be on it. */
  readonly #transits = new Map<number, { readonly id: number; readonly lender: object }>();
  readonly #early = new Set<number>();
  /** No number of this server is one of another that was at its address before. */
  #nextId = randomBytes(6).readUIntBE(0, 6);
  readonly #notHere: () => void;
  #stopped = false;
  #stop: (() => void) | undefined;
  #serving = false;

  /** @internal */
  constructor(registry: Registry, { address, key, limits, handshakeTimeout, stoppable = false }: ServerOptions) {
    this.stoppable = stoppable;
    attach();
    this.#registry = registry;
    this.key = key;
    this.limits = checkLimits(limits);
    this.#handshakeTimeout = checkHandshakeTimeout(handshakeTimeout);
    this.#listener = new Listener(address, { authkey: key, handshakeTimeout: this.#handshakeTimeout });
    this.address = this.#listener.address;
    servers.add(this);
    this.#notHere = serveHere(this.address);
  }

  /** How many objects clients have proxies of. */
  get numberOfObjects(): number {
    return this.#entries.size;
  }

  /** How many clients (threads that have connected) there are. */
  get numberOfClients(): number {
    return this.#sessions.size;
  }

  /**
   * Serves until the signal fires, or {@link stop} is called; mirrors `Server.serve_forever`. It keeps the
   * program alive, and resolves when the address is free again.
   *
   * @throws ClosedError if it has served before
   */
  async serveForever({ signal }: { signal?: AbortSignal | undefined } = {}): Promise<void> {
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw new TypeError('Expected "signal" to be an AbortSignal');
    }
    if (this.#stopped || this.#serving) throw new ClosedError('The server serves already, or has served');
    this.#serving = true;
    const stop = () => this.stop();
    const stopped = new Promise<void>((resolve) => {
      this.#stop = resolve;
    });
    if (signal?.aborted === true) this.stop();
    signal?.addEventListener('abort', stop, { once: true });
    void this.#acceptAll();
    await stopped;
    signal?.removeEventListener('abort', stop);
  }

  /** Stops serving: the address is free, clients are told that the server has ended. Idempotent. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    servers.delete(this);
    this.#notHere();
    this.#listener.close();
    for (const connection of this.#arriving) connection.close();
    for (const session of [...this.#sessions]) session.close();
    this.#entries.clear();
    this.#stop?.();
  }

  /** @internal In the child of a fork it is the parent's. */
  forget(): void {
    this.#stopped = true;
    this.#notHere();
    for (const session of this.#sessions) session.abandon();
    this.#sessions.clear();
    this.#listener.close();
  }

  /** @internal Makes an object of a type, or asks for one. */
  create(typeid: string, args: unknown[]): unknown {
    const type = this.#registry.get(typeid);
    if (type === undefined) throw new RemoteError(`The manager has no type '${typeid}'`);
    const { callable } = type;
    if (callable === undefined) {
      if (args.length !== 1) throw new TypeError(`Without a callable, '${typeid}' takes the object and nothing else`);
      return args[0];
    }
    return isClass(callable)
      ? Reflect.construct(callable, args)
      : (callable as (...args: unknown[]) => unknown)(...args);
  }

  /** @internal The entry of an object, as what the type is registered. */
  entryOf(typeid: string, made: unknown): Entry {
    const type = this.#registry.get(typeid) ?? builtin.get(typeid);
    const object = typeid === 'Iterator' ? iteratorOver(made) : made;
    if (type === undefined) throw new RemoteError(`The manager has no type '${typeid}'`);
    const byType = isObject(object) ? this.#entriesOf(object) : undefined;
    let entry = byType?.get(typeid);
    if (entry === undefined) {
      entry = this.#makeEntry(typeid, object, type);
      byType?.set(typeid, entry);
    }
    return entry;
  }

  /** @internal */
  find(id: number): Entry | undefined {
    return this.#entries.get(id);
  }

  /** @internal One more has it. */
  retain(entry: Entry): void {
    entry.count++;
    this.#entries.set(entry.id, entry);
  }

  /** @internal */
  release(entry: Entry, count: number): void {
    entry.count -= count;
    if (entry.count <= 0) this.#entries.delete(entry.id);
  }

  /** @internal A proxy is on its way: the lender's reference lasts until it is claimed, or the lender is gone. */
  lend(entry: Entry, transit: number, lender: object): boolean {
    if (this.#early.delete(transit) || this.#transits.has(transit)) return false;
    this.#transits.set(transit, { id: entry.id, lender });
    this.retain(entry);
    return true;
  }

  /** @internal It has arrived, or will not. Returns who lent it. */
  settle(transit: number, claimed: boolean): object | undefined {
    const lent = this.#transits.get(transit);
    if (lent === undefined) {
      if (claimed) this.#noteEarly(transit);
      return undefined;
    }
    this.#transits.delete(transit);
    const entry = this.#entries.get(lent.id);
    if (entry !== undefined) this.release(entry, 1);
    return lent.lender;
  }

  /** @internal */
  leave(session: Session): void {
    this.#sessions.delete(session);
  }

  /** @internal For people, as Python's `_debug_info`. */
  debugInfo(): string {
    return [...this.#entries.values()]
      .map(({ id, count, details }) => `${id.toString(16)}: ${details.typeid}, ${count} references`)
      .join('\n');
  }

  #entriesOf(object: object): Map<string, Entry> {
    let byType = this.#known.get(object);
    if (byType === undefined) {
      byType = new Map();
      this.#known.set(object, byType);
    }
    return byType;
  }

  #makeEntry(typeid: string, object: unknown, type: TypeOptions): Entry {
    const exposed = expose(object, type.exposed);
    const { proxyType } = type;
    const proxyClass = proxyType === undefined || 'what' in findReference(proxyType) ? undefined : proxyType;
    const details = { typeid, kind: exposed.kind, proxyClass };
    const { methodToTypeid = {} } = type;
    return { ...exposed, id: this.#nextId++, object, details, methodToTypeid, count: 0 };
  }

  /** A claim may overtake what says that its proxy was lent: that comes by another connection. */
  #noteEarly(transit: number): void {
    if (transit === 0) return;
    const most = 10_000;
    if (this.#early.size >= most) this.#early.delete(this.#early.values().next().value as number);
    this.#early.add(transit);
  }

  async #acceptAll(): Promise<void> {
    while (!this.#stopped) {
      let connection: Connection;
      try {
        connection = await this.#listener.accept();
      } catch (error) {
        if (this.#stopped) return;
        getLogger().info('a manager turned a client away: %s', error instanceof Error ? error.message : String(error));
        const peersFault = error instanceof AuthenticationError || error instanceof TimeoutError;
        if (!peersFault) await new Promise((resolve) => setTimeout(resolve, pauseMs));
        continue;
      }
      void this.#welcome(connection);
    }
  }

  /** Agrees with a client that knows the key on how to go on. */
  async #welcome(connection: Connection): Promise<void> {
    this.#arriving.add(connection);
    const wait = { deadline: now() + this.#handshakeTimeout, signal: undefined, ref: true };
    try {
      const wantsMemory = readGreeting(await connection.take(mostBytes, wait));
      const full = this.#sessions.size + this.#arriving.size > this.limits.clients;
      if (wantsMemory === undefined || full || this.#stopped) throw new EOFError();
      const local = typeof this.address === 'string';
      const pipe = wantsMemory && local ? makePipe() : undefined;
      try {
        const { messageBytes } = this.limits;
        const handle = pipe === undefined ? undefined : serialize(pipe[1]);
        await connection.give(serialize({ largest: messageBytes, pipe: handle } satisfies Welcome), wait);
        if (pipe !== undefined && (await connection.take(mostBytes, wait)).equals(byMemory)) {
          pipe[1].close();
          await connection.give(handedOver, wait);
          this.#begin(pipe[0], true, false);
          connection.close();
          return;
        }
      } catch (error) {
        for (const end of pipe ?? []) end.close();
        throw error;
      }
      for (const end of pipe ?? []) end.close();
      this.#begin(connection, false, !local);
    } catch (error) {
      connection.close();
      getLogger().info('a manager turned a client away: %s', error instanceof Error ? error.message : String(error));
    } finally {
      this.#arriving.delete(connection);
    }
  }

  #begin(connection: Connection, inMemory: boolean, fromAfar: boolean): void {
    if (this.#stopped) {
      connection.close();
      return;
    }
    this.#sessions.add(new Session(this, connection.channel, { inMemory, fromAfar }));
  }
}

/** `undefined` where there is no room for it: the client stays with the socket. */
function makePipe(): [Connection, Connection] | undefined {
  try {
    return Pipe();
  } catch (error) {
    if (error instanceof SystemError || error instanceof MultiprocError) return undefined;
    throw error;
  }
}

/** Types that every server has. */
const builtin: Registry = new Map([['Iterator', {}]]);

function iteratorOver(made: unknown): unknown {
  if (made instanceof ManagedIterator || !isObject(made)) return made;
  const iterable = made as Partial<Iterable<unknown> & AsyncIterable<unknown>>;
  const iterator = iterable[Symbol.asyncIterator]?.() ?? iterable[Symbol.iterator]?.();
  return iterator === undefined ? made : new ManagedIterator(iterator, () => 0);
}

/** What the server takes for the object of a proxy that it is given. */
export function objectOf(value: unknown): unknown {
  const hold = holdOf(value);
  return hold instanceof LocalHold ? hold.entry.object : value;
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function isClass(callable: unknown): callable is new (...args: unknown[]) => unknown {
  return /^class\b/.test(Function.prototype.toString.call(callable));
}

afterForkInChild(() => {
  for (const server of servers) server.forget();
  servers.clear();
});
