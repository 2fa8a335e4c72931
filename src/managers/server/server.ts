/**
 * Server: holds objects for clients, which call their methods. Everybody who knows the key is served; methods run one at a
 * time, and those that wait are waited for without holding anybody up.
 */

import { AuthenticationError, ClosedError, TimeoutError } from '../../errors.js';
import { afterForkInChild } from '../../lifecycle/after-fork.js';
import { attach } from '../../lifecycle/participant.js';
import { randomBytes } from '../../lifecycle/random-bytes.js';
import { getLogger } from '../../logging.js';
import type { Address } from '../../messaging/address.js';
import type { Connection } from '../../messaging/connection.js';
import { readHandshakeTimeout } from '../../messaging/handshake-timeout.js';
import { Listener } from '../../messaging/listener.js';
import { isSameUser } from '../../messaging/peer-user.js';
import { SocketChannel } from '../../messaging/socket-channel.js';
import { signal as signalKind } from '../../options/kinds.js';
import { OptionTable } from '../../options/table.js';
import { type ModuleNames, readModules } from '../../serialize/allowed-modules.js';
import { setTimeout } from '../../timing.js';
import { serveHere } from '../client/local-servers.js';
import { type CheckedLimits, type ManagerLimits, readLimits } from '../protocol/limits.js';
import { welcome } from '../protocol/server-handshake.js';
import type { Registry } from '../types/registered-type.js';
import { Session } from './client-session.js';
import { Objects } from './object-table.js';

/** What a server is made with. */
export interface ServerOptions {
  readonly address: Address | undefined;
  readonly key: Buffer;
  readonly limits?: ManagerLimits | undefined;
  readonly handshakeTimeout?: number | undefined;
  /** Modules that clients on other machines and of other users may name. */
  readonly modules?: ModuleNames | undefined;
  /** Whether a client may stop it: that of a manager which has started it. */
  readonly stoppable?: boolean | undefined;
}

/** After an accept that failed for want of descriptors, for example. */
const pauseMs = 20;

const servers = new Set<Server>();

/** Options of `Server.serveForever`. */
export interface ServeOptions {
  /** Ends the serving. */
  signal?: AbortSignal | undefined;
}

const serveOptions = new OptionTable<ServeOptions>({ signal: signalKind });

/** Serves the objects of a manager in this process. `BaseManager.getServer` makes it. */
export class Server {
  /** Where clients connect, with the real port. */
  readonly address: string | [string, number];
  /** @internal */
  readonly limits: CheckedLimits;
  /** @internal */
  readonly stoppable: boolean;
  /** @internal */
  readonly objects: Objects;
  readonly #listener: Listener;
  readonly #name = randomBytes(16).toString('base64url');
  readonly #handshakeTimeout: number;
  readonly #modules: ReadonlySet<string>;
  readonly #sessions = new Set<Session>();
  /** Clients that are about to begin. */
  readonly #arriving = new Set<Connection>();
  readonly #notHere: () => void;
  #stopped = false;
  #retired = false;
  #stop: (() => void) | undefined;
  #serving = false;

  /** @internal */
  constructor(
    registry: Registry,
    { address, key, limits, handshakeTimeout, modules, stoppable = false }: ServerOptions,
  ) {
    this.stoppable = stoppable;
    attach();
    this.limits = readLimits(limits);
    this.#handshakeTimeout = readHandshakeTimeout(handshakeTimeout);
    this.#modules = readModules(modules);
    const proving = { authkey: key, handshakeTimeout: this.#handshakeTimeout, python: false };
    this.#listener = new Listener(address, proving, 'manager');
    this.address = this.#listener.address;
    this.objects = new Objects(registry, { address: this.address, key });
    servers.add(this);
    this.#notHere = serveHere(this.address, this.#name);
  }

  /** How many objects clients have proxies of. */
  get numberOfObjects(): number {
    return this.objects.size;
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
  async serveForever(options?: ServeOptions): Promise<void> {
    serveOptions.check(options, 'serveForever');
    const { signal } = options ?? {};
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
    this.objects.clear();
    this.#stop?.();
  }

  /** @internal Stops once the last client has left: the manager that started the server has no use for it any more. */
  retire(): void {
    this.#retired = true;
    this.#stopIfUnused();
  }

  /** @internal In the child of a fork it is the parent's. */
  forget(): void {
    this.#stopped = true;
    this.#notHere();
    for (const session of this.#sessions) session.abandon();
    this.#sessions.clear();
    this.#listener.close();
  }

  /** @internal */
  leave(session: Session): void {
    this.#sessions.delete(session);
    this.#stopIfUnused();
  }

  #stopIfUnused(): void {
    if (this.#retired && !this.#stopped && this.#sessions.size + this.#arriving.size === 0) this.stop();
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

  /** Has a client that knows the key begin. */
  async #welcome(connection: Connection): Promise<void> {
    this.#arriving.add(connection);
    try {
      const { channel } = connection;
      // Of the same machine, but another user: no memory is shared, and no module is loaded because of what it says.
      const local = channel instanceof SocketChannel && isSameUser(channel.descriptor);
      const agreed = await welcome(connection, {
        local,
        largest: this.limits.messageBytes,
        server: this.#name,
        timeout: this.#handshakeTimeout,
        isWelcome: () => !this.#stopped && this.#sessions.size + this.#arriving.size <= this.limits.clients,
      });
      const origin = local ? undefined : { modules: this.#modules, attaches: false };
      if (this.#stopped) agreed.close();
      else this.#sessions.add(new Session(this, agreed.channel, { inMemory: agreed.inMemory, origin }));
    } catch (error) {
      connection.close();
      getLogger().info('a manager turned a client away: %s', error instanceof Error ? error.message : String(error));
    } finally {
      this.#arriving.delete(connection);
      this.#stopIfUnused();
    }
  }
}

afterForkInChild(() => {
  for (const server of servers) server.forget();
  servers.clear();
});
