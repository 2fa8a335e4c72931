/** What one client has of a server: references of objects, and proxies that it sent elsewhere. */
import { RemoteError } from '../../errors.js';
import type { Entry, Objects } from './object-table.js';

interface Reference {
  readonly entry: Entry;
  count: number;
}

export class References {
  readonly #objects: Objects;
  readonly #most: number;
  readonly #held = new Map<number, Reference>();
  /** Proxies that the client sent to others. */
  readonly #lent = new Set<number>();
  #count = 0;

  /** @param most so many the client may have */
  constructor(objects: Objects, most: number) {
    this.#objects = objects;
    this.#most = most;
  }

  find(id: number): Entry | undefined {
    return this.#held.get(id)?.entry;
  }

  /** @throws RemoteError for what the client does not have */
  get(id: number): Entry {
    const entry = this.find(id);
    if (entry === undefined) throw new RemoteError('A proxy was sent whose object the sender does not have');
    return entry;
  }

  /** @throws RangeError if the client has too many */
  retain(entry: Entry): void {
    if (this.#count >= this.#most) {
      throw new RangeError(`The client has ${this.#count} proxies, and may not have more (limits.references)`);
    }
    this.#count++;
    this.#objects.retain(entry);
    const reference = this.#held.get(entry.id);
    if (reference === undefined) this.#held.set(entry.id, { entry, count: 1 });
    else reference.count++;
  }

  /** More than the client has, or what is no number, changes nothing of others'. */
  release(id: number, count: number): void {
    const reference = this.#held.get(id);
    if (reference === undefined || !Number.isInteger(count) || count < 1) return;
    const released = Math.min(count, reference.count);
    reference.count -= released;
    this.#count -= released;
    if (reference.count === 0) this.#held.delete(id);
    this.#objects.release(reference.entry, released);
  }

  /** A proxy has arrived at this client. */
  claim(id: number, transit: number): void {
    const entry = this.#objects.find(id);
    if (entry !== undefined && this.#count < this.#most) this.retain(entry);
    const lender = this.#objects.settle(transit, true);
    if (lender instanceof References) lender.#lent.delete(transit);
  }

  /** The client sends a proxy to somebody. */
  lend(id: number, transit: number): void {
    const entry = this.find(id);
    if (entry === undefined || this.#lent.size >= this.#most) return;
    if (this.#objects.lend(entry, transit, this)) this.#lent.add(transit);
  }

  /** It will not arrive. */
  withdraw(transit: number): void {
    if (this.#lent.delete(transit)) this.#objects.settle(transit, false);
  }

  /** The client is gone. */
  drop(): void {
    for (const transit of this.#lent) this.#objects.settle(transit, false);
    for (const { entry, count } of this.#held.values()) this.#objects.release(entry, count);
    this.#lent.clear();
    this.#held.clear();
  }
}
