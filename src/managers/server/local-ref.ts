/** An object of this very process's server: its proxies call it directly. */
import { types } from 'node:util';
import { RemoteError } from '../../errors.js';
import { randomNumber } from '../../lifecycle/random-bytes.js';
import type { Departure } from '../../serialize/handles.js';
import type { CallOptions, Hold } from '../client/object-ref.js';
import { ownHandle, type Place, travelHandle } from '../protocol/proxy-handle.js';
import type { ProxyDetails } from '../protocol/proxy-scope.js';
import { currentCarriage } from '../protocol/proxy-scope.js';
import { asCall, Cancelled, type CurrentCall, localCall, takeBack } from '../types/call-context.js';

/** What it needs of a server's objects. */
interface Host {
  readonly place: Place;
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
  readonly objects: object;
  give(entry: HostedEntry): void;
}

export class LocalHold<E extends HostedEntry = HostedEntry> implements Hold {
  readonly #host: Host;
  /** The object lives as long as the proxy: no reference is counted. */
  readonly entry: E;

  constructor(host: Host, entry: E) {
    this.#host = host;
    this.entry = entry;
  }

  get where(): string {
    return 'this process';
  }

  async call(name: string, args: readonly unknown[], { signal }: CallOptions = {}): Promise<unknown> {
    const call = localCall();
    const result = this.#start(name, args, call);
    return signal === undefined || !types.isPromise(result) ? result : unlessAborted(call, result, signal);
  }

  callSync(name: string, args: readonly unknown[]): unknown {
    const result = this.#start(name, args, localCall());
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
    if (carriage?.objects === this.#host) {
      carriage.give?.(this.entry);
      return { handle: ownHandle(id, details), cancel() {} };
    }
    const transit = randomNumber();
    this.#host.lend(this.entry, transit, this);
    return {
      handle: travelHandle(id, transit, this.#host.place, details),
      cancel: () => this.#host.settle(transit, false),
    };
  }

  #start(name: string, args: readonly unknown[], call: CurrentCall): unknown {
    const method = this.entry.methods.get(name);
    if (method === undefined) throw new RemoteError(`The object has no method '${name}' that may be called`);
    return asCall(call, method, [...args]);
  }
}

/** What does not know how to give up runs on, and nobody hears of it. */
function unlessAborted(call: CurrentCall, result: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      if (!takeBack(call)) reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', abort);
      act();
    };
    result.then(
      (value) => settle(() => resolve(value)),
      (error) => settle(() => reject(error instanceof Cancelled ? signal.reason : error)),
    );
  });
}
