/** An object of this very process's server: its proxies call it directly. */
import { RemoteError } from '../errors.js';
import { randomBytes } from '../lifecycle/random-bytes.js';
import type { Departure } from '../serialize/handles.js';
import { asCall, localCall } from './caller.js';
import type { ProxyDetails } from './carriage.js';
import { currentCarriage } from './carriage.js';
import type { Hold } from './hold.js';
import { ownHandle, type Place, travelHandle } from './proxy-handle.js';

/** What it needs of a server. */
interface Host extends Place {
  lend(entry: HostedEntry, transit: number, lender: object): boolean;
  settle(transit: number, claimed: boolean): unknown;
}

interface HostedEntry {
  readonly id: number;
  readonly object: unknown;
  readonly methods: ReadonlyMap<string, (...args: unknown[]) => unknown>;
}

/** A conversation with a client, as far as proxies are concerned. */
interface Giving {
  readonly server: object;
  give(entry: HostedEntry): void;
}

export class LocalHold<E extends HostedEntry = HostedEntry> implements Hold {
  readonly #server: Host;
  /** The object lives as long as the proxy: no reference is counted. */
  readonly entry: E;

  constructor(server: Host, entry: E) {
    this.#server = server;
    this.entry = entry;
  }

  get where(): string {
    return 'this process';
  }

  async call(name: string, args: readonly unknown[]): Promise<unknown> {
    return this.#start(name, args);
  }

  callSync(name: string, args: readonly unknown[]): unknown {
    const result = this.#start(name, args);
    if (result instanceof Promise) {
      result.catch(() => {});
      throw new RemoteError(`The server itself cannot block until ${name} is done: await it`);
    }
    return result;
  }

  release(): void {}

  depart(_proxy: object, details: ProxyDetails): Departure {
    const carriage = currentCarriage() as (Partial<Giving> & object) | undefined;
    const { id } = this.entry;
    if (carriage?.server === this.#server) {
      carriage.give?.(this.entry);
      return { handle: ownHandle(id, details), cancel() {} };
    }
    const transit = randomBytes(6).readUIntBE(0, 6);
    this.#server.lend(this.entry, transit, this);
    return {
      handle: travelHandle(id, transit, this.#server, details),
      cancel: () => this.#server.settle(transit, false),
    };
  }

  #start(name: string, args: readonly unknown[]): unknown {
    const method = this.entry.methods.get(name);
    if (method === undefined) throw new RemoteError(`The object has no method '${name}' that may be called`);
    return asCall(localCall(), () => method(...args));
  }
}
