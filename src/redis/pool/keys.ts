/** Names of the keys of a pool: all in one hash slot. */
import type { Link } from '../link.js';
import { queueName } from './task-data.js';

export class PoolKeys {
  /** Prefix that BullMQ gets. */
  readonly prefix: string;
  /** Sorted set: clients and worker programs, by the time at which they count as dead. */
  readonly members: string;
  /** Hash: descriptions of the worker programs. */
  readonly hosts: string;
  /** Channel of ids of tasks that are to be interrupted. */
  readonly cancelled: string;
  readonly #key: (part: string) => string;

  constructor(link: Link, name: string) {
    this.#key = (part) => link.key('Pool', name, part);
    this.prefix = this.#key('').slice(0, -1);
    this.members = this.#key('members');
    this.hosts = this.#key('hosts');
    this.cancelled = this.#key('cancelled');
  }

  /** The stream of outcomes for a client. */
  outcomes(client: string): string {
    return this.#key(`outcomes:${client}`);
  }

  /** The hash of large values of a client's tasks. */
  large(client: string): string {
    return this.#key(`large:${client}`);
  }

  /** A key of BullMQ's. */
  bull(part: string): string {
    return this.#key(`${queueName}:${part}`);
  }
}
