/** An object in another process, held through the conversation with its server. */
import { randomNumber } from '../../lifecycle/random-bytes.js';
import { isFromAfar } from '../../serialize/afar.js';
import type { Departure } from '../../serialize/handles.js';
import { Request } from '../protocol/frame.js';
import { ownHandle, travelHandle } from '../protocol/proxy-handle.js';
import { currentCarriage, type ProxyDetails } from '../protocol/proxy-scope.js';
import type { Registry } from '../types/registered-type.js';
import type { Link } from './client-connection.js';
import type { CallOptions, Hold } from './object-ref.js';

export class RemoteHold implements Hold {
  readonly id: number;
  /** Keeps a server that this process started running for as long as the proxy is in use. */
  readonly anchor: object | undefined;
  readonly #registry: Registry | undefined;
  #link: Link;
  #released = false;

  /** The server counts this reference already. */
  constructor(link: Link, id: number, registry: Registry | undefined) {
    this.#link = link;
    this.id = id;
    this.anchor = link.anchor;
    this.#registry = registry;
  }

  /** For a proxy that came from elsewhere: the server is told that it is here now. */
  static claim(link: Link, id: number, transit: number): RemoteHold {
    link.tell(Request.claim, id, transit);
    return new RemoteHold(link, id, undefined);
  }

  get where(): string {
    return this.#link.where;
  }

  call(method: string, args: readonly unknown[], options?: CallOptions): Promise<unknown> {
    return this.#live().call(this.id, method, args, this.#registry, options).promise();
  }

  callSync(method: string, args: readonly unknown[]): unknown {
    const link = this.#live();
    return link.callSync(this.id, method, args, this.#registry);
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#link.tell(Request.release, this.id, 1);
  }

  /**
   * Until who gets it has claimed the object, it is lent: the server keeps it for as long as this thread is connected. What
   * says so has left before the handle does.
   */
  depart(_proxy: object, details: ProxyDetails): Departure {
    const link = this.#live();
    if (currentCarriage() === link) return { handle: ownHandle(this.id, details), cancel() {} };
    if (isFromAfar())
      throw new TypeError('A proxy of another manager cannot go over the network: connect to that there');
    const transit = randomNumber();
    link.tell(Request.lend, this.id, transit);
    link.push();
    return {
      handle: travelHandle(this.id, transit, link, details),
      cancel: () => link.tell(Request.withdraw, this.id, transit),
    };
  }

  /** After the end of the server, or in the child of a fork, there has to be another conversation. */
  #live(): Link {
    const { living } = this.#link;
    if (this.#link !== living || this.#released) {
      this.#link = living;
      this.#link.tell(Request.claim, this.id, 0);
      this.#released = false;
    }
    return this.#link;
  }
}
