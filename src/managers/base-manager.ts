/** BaseManager: starts or finds a server for shared objects, and gives proxies of them. */
import { inspect } from 'node:util';
import type { Wait } from '../deadline.js';
import { ProcessError, ValueError } from '../errors.js';
import { isNoData, refuseClones } from '../identity/uncloneable.js';
import { type Address, parseAddress } from '../messaging/address.js';
import { type AuthKey, authKeyKind, readKey } from '../messaging/authentication.js';
import { handshakeTimeoutKind } from '../messaging/handshake-timeout.js';
import { describe } from '../options/describe.js';
import { checkedBy, nullable } from '../options/kinds.js';
import { OptionTable } from '../options/table.js';
import type { LooseArguments } from '../pool/options.js';
import { argumentList } from '../process/arguments.js';
import { currentProcess } from '../process/current.js';
import type { StartMethod } from '../process/launchers/launcher.js';
import { contextKind, type StartContext, signalsKind } from '../process/options.js';
import type { Process } from '../process/process.js';
import { methodOfContext } from '../process/start-method.js';
import { type AllowedModules, type ModuleNames, modulesKind, readModules } from '../serialize/allowed-modules.js';
import type { Link } from './client/client-connection.js';
import { linkTo } from './client/connection-cache.js';
import type { Anchor } from './client/server-anchors.js';
import { Question } from './protocol/frame.js';
import { limitsKind, type ManagerLimits } from './protocol/limits.js';
import './client/proxy-deserializer.js';
import type { Pending } from './client/pending-call.js';
import { pendingProxy } from './client/pending-proxy.js';
import type { BaseProxy } from './client/proxy.js';
import type { DefinedManager, TypeFactories } from './client/proxy-types.js';
import { RunningServer } from './server/running-server.js';
import { Server } from './server/server.js';
import { serverWork, startServer } from './server/start-server.js';
import type { TypeOptions } from './types/registered-type.js';
import { addType, checkArguments, registryOf } from './types/type-registry.js';

/** Options of managers. */
export interface ManagerOptions {
  /**
   * Where the server is, or will be: the path of a Unix socket, or `[host, port]`. Without: a socket in a folder that only
   * this user can enter. Port 0: a free one.
   */
  address?: Address | null | undefined;
  /** What server and clients must both know. Default: `currentProcess().authkey`. */
  authkey?: AuthKey | null | undefined;
  /** What one client may ask of the server. */
  limits?: ManagerLimits | undefined;
  /** How long the other side may take to prove that it knows the key, in ms. Default 10,000. */
  handshakeTimeout?: number | undefined;
  /**
   * URLs or absolute paths of modules whose functions and classes the other side may name although it is on another machine or
   * of another user: they are loaded for that. Default: none; then what `register` named on both sides can be sent.
   */
  modules?: ModuleNames | undefined;
  /** What `getContext` returned, or a start method, for the server's process. Default: the program's. */
  context?: StartContext | StartMethod | null | undefined;
  /**
   * `'default'`: SIGHUP, SIGINT, SIGQUIT and SIGTERM act on the server's process as on any other. Default `'ignore'`: it leaves
   * those that go to the process group (Ctrl-C, a supervisor's stop) to its creator, whose `shutdown()` ends it.
   */
  signals?: 'ignore' | 'default' | undefined;
  /** For Python's sake: must be absent or null, as there is only one. */
  serializer?: null | undefined;
}

const managerOptions = new OptionTable<ManagerOptions>({
  address: nullable(checkedBy<Address>((value) => void parseAddress(value as Address))),
  authkey: nullable(authKeyKind),
  limits: limitsKind,
  handshakeTimeout: handshakeTimeoutKind,
  modules: modulesKind,
  context: nullable(contextKind),
  signals: signalsKind,
  // In Python the second name is that of XML-RPC.
  serializer: checkedBy<null>((value, name) => {
    if (value !== null)
      throw new ValueError(`Expected "${name}" to be absent: there is only one, got ${describe(value)}`);
  }),
});

/**
 * Objects that live in a server process and are used from others through proxies; mirrors
 * `multiprocessing.managers.BaseManager`. It has no types of its own: {@link register} some, on a class that extends it, or
 * `define` them, which gives the manager's methods types.
 *
 * A manager is started (it has a process for its server, which ends with it), or connected to a server that runs already,
 * here or on another machine, or it serves by itself ({@link getServer}).
 */
export class BaseManager {
  readonly #key: Buffer;
  readonly #options: ManagerOptions;
  readonly #modules: AllowedModules;
  #address: Address | undefined;
  #state: 'initial' | 'starting' | 'started' | 'connected' | 'shut down' = 'initial';
  #running: RunningServer | undefined;
  /** Keeps the server running: {@link RunningServer.anchor}. */
  #anchor: Anchor | undefined;
  #sync: object | undefined;

  /** @throws TypeError, ValueError for options that cannot be */
  constructor(options: ManagerOptions = {}) {
    refuseClones(this);
    managerOptions.check(options, new.target.name);
    const { address, authkey, modules, context } = options;
    methodOfContext(context);
    this.#modules = readModules(modules);
    this.#key = readKey(authkey ?? undefined) ?? Buffer.from(currentProcess().authkey);
    this.#address = address ?? undefined;
    this.#options = options;
  }

  /**
   * Adds a type of objects to this class and those that will extend it; mirrors `BaseManager.register`. Managers of the
   * class get a method with the type's name, which makes an object on the server and returns its proxy.
   *
   * For `start()` a callable has to be exported by its module, or the manager's class has to be.
   *
   * @throws TypeError for wrong types; ValueError for names that managers have already
   */
  static register(typeid: string, options?: TypeOptions): void {
    const { createMethod } = addType(this, typeid, options, BaseManager.prototype);
    if (createMethod === false) return;
    Object.defineProperty(this.prototype, typeid, {
      value(this: BaseManager, ...args: unknown[]) {
        return this.create(typeid, args);
      },
      writable: true,
      configurable: true,
    });
  }

  /**
   * A class with these types, to be extended: `class M extends BaseManager.define({ getList: () => list })`. Its methods
   * have the types of proxies of what the functions return.
   */
  static define<T extends TypeFactories>(types: T): DefinedManager<T, typeof BaseManager> {
    const Defined = class extends this {};
    for (const [typeid, callable] of Object.entries(types)) Defined.register(typeid, { callable });
    return Defined as never;
  }

  /** Where the server is; `undefined` as long as that is not settled. */
  get address(): string | [string, number] | undefined {
    return this.#address as string | [string, number] | undefined;
  }

  /**
   * The types' methods once more, which block the thread: `manager.sync.dict()` returns the proxy itself.
   */
  get sync(): object {
    this.#sync ??= new Proxy({}, { get: (_target, name) => this.#makerOf(name) });
    return this.#sync;
  }

  /**
   * Starts a process with the server; mirrors `BaseManager.start`. It ends with {@link shutdown}, at the end of this
   * process, and within a second after this process was killed. It does not keep the program alive. When this manager and
   * all proxies of its server have been garbage-collected here, the server ends as soon as it has no other client, and the
   * process emits a `ResourceWarning`.
   *
   * @param initializer is called in the server's process first; exported by its module, as every function that travels
   * @throws ProcessError if it was started, connected or shut down already; and if the server's process ended before it
   *   served, with its exit code or signal in the message and what it failed with as `cause`
   * @throws TypeError for an initializer or a callable that cannot travel
   * @throws what the initializer throws; SystemError `EADDRINUSE` …
   */
  async start<A extends unknown[]>(
    initializer?: ((...args: A) => unknown) | null,
    initargs?: Readonly<NoInfer<A>> | LooseArguments,
  ): Promise<void> {
    if (initializer !== undefined && initializer !== null && typeof initializer !== 'function') {
      throw new TypeError(`Expected "initializer" to be a function, got ${describe(initializer)}`);
    }
    this.#checkInitial();
    const work = serverWork(this.constructor, {
      ...this.#options,
      address: this.#address,
      key: this.#key,
      modules: [...this.#modules],
      initializer: initializer as never,
      initargs: argumentList(initargs ?? [], 'initargs'),
    });
    this.#state = 'starting';
    try {
      const { child, address } = await startServer(this.constructor.name, work, this.#options.context);
      this.#address = address;
      const { handshakeTimeout } = this.#options;
      this.#running = new RunningServer(child, { address, key: this.#key, handshakeTimeout });
    } catch (error) {
      this.#state = 'initial';
      throw error;
    }
    this.#state = 'started';
    this.#anchor = this.#running.anchor(this.constructor.name || 'Manager');
  }

  /**
   * Connects to a server that runs already; mirrors `BaseManager.connect`. A server that was started anew at the same address
   * is found again by the next call.
   *
   * @throws AuthenticationError if the server has another key
   * @throws SystemError `ECONNREFUSED`, `ENOENT` … if there is none; TimeoutError if it does not answer
   * @throws ValueError without an address; ProcessError if it was started already
   */
  async connect(): Promise<void> {
    if (this.#state !== 'connected') this.#checkInitial();
    if (this.#address === undefined) throw new ValueError('Expected the address of a server to connect to');
    const link = this.#link(this.#address);
    await link.ready();
    this.#anchor = link.anchor;
    this.#state = 'connected';
  }

  /**
   * A server in this process, bound on return; mirrors `BaseManager.get_server`. Call its `serveForever`.
   *
   * @throws ProcessError if the manager was started or connected; SystemError `EADDRINUSE` …
   */
  getServer(): Server {
    this.#checkInitial();
    const { limits, handshakeTimeout } = this.#options;
    const server = new Server(registryOf(this.constructor), {
      address: this.#address,
      key: this.#key,
      limits,
      handshakeTimeout,
      modules: this.#options.modules,
    });
    this.#address = server.address;
    return server;
  }

  /**
   * Stops the server that {@link start} started, and waits for its process; mirrors `BaseManager.shutdown`. Who still has a
   * proxy gets an error from then on. Idempotent.
   *
   * @throws ValueError for a manager that was not started: those who connect do not end the server
   */
  async shutdown(): Promise<void> {
    if (this.#state === 'shut down') return;
    if (this.#state !== 'started') throw new ValueError('Only the manager that started the server can shut it down');
    this.#state = 'shut down';
    this.#anchor = undefined;
    await this.#running?.shutdown();
  }

  /**
   * Waits for the end of the server's process; mirrors `BaseManager.join`.
   *
   * @returns whether it has ended
   * @throws ValueError if this manager has started none
   */
  async join(wait?: Wait): Promise<boolean> {
    if (this.#running === undefined)
      throw new ValueError('Only the manager that started the server can wait for its end');
    return this.#running.process.join(wait);
  }

  /** As {@link shutdown}, for `await using`; a manager that has started no server only goes. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'started') await this.shutdown();
  }

  /** How many objects clients have proxies of; mirrors `_number_of_objects`. */
  async numberOfObjects(): Promise<number> {
    return (await this.#ready().ask(Question.objects).promise()) as number;
  }

  /** What the server holds, for people; mirrors `_debug_info`. */
  async debugInfo(): Promise<string> {
    return (await this.#ready().ask(Question.debug).promise()) as string;
  }

  /** The process of the server that {@link start} started. */
  get process(): Process | undefined {
    return this.#running?.process;
  }

  /**
   * Makes an object of a type on the server: what the methods of the types call.
   *
   * @returns its proxy, awaitable, whose methods can be called at once
   */
  create(typeid: string, args: readonly unknown[] = []): unknown {
    const link = this.#ready();
    let pending: Pending;
    try {
      checkArguments(this.constructor, typeid, args);
      pending = link.create(typeid, args, registryOf(this.constructor));
    } catch (error) {
      const fail = () => {
        throw error;
      };
      return pendingProxy(Promise.reject(error), fail, fail);
    }
    return pendingProxy(
      pending.promise() as Promise<BaseProxy>,
      () => link.finishSync(pending) as BaseProxy,
      () => link.departPending(pending, typeid),
    );
  }

  #makerOf(name: string | symbol): unknown {
    if (typeof name !== 'string' || registryOf(this.constructor).get(name)?.createMethod !== true) return undefined;
    return (...args: unknown[]) => {
      const link = this.#ready();
      checkArguments(this.constructor, name, args);
      return link.finishSync(link.create(name, args, registryOf(this.constructor)));
    };
  }

  #ready(): Link {
    if (this.#state === 'initial' || this.#state === 'starting') {
      throw new ValueError('The manager has no server yet: await start() or connect()');
    }
    if (this.#state === 'shut down') throw new ValueError('The manager has been shut down');
    return this.#link(this.#address as Address);
  }

  /** `<SyncManager address='/tmp/…' started>`. */
  [inspect.custom](): string {
    const address = this.#address === undefined ? '' : ` address=${inspect(this.#address)}`;
    return `<${this.constructor.name}${address} ${this.#state}>`;
  }

  #link(address: Address): Link {
    return linkTo(address, this.#key, this.#options.handshakeTimeout, this.#modules);
  }

  #checkInitial(): void {
    if (this.#state !== 'initial') throw new ProcessError(`Expected a new manager, but this one is ${this.#state}`);
  }
}

isNoData(BaseManager);
