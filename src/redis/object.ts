/** RedisObject: what all objects of a Redis context have in common. */
import { ClosedError } from '../errors.js';
import type { NameOptions } from '../shared/block.js';
import { checkName } from '../shared/names.js';
import type { Link } from './link.js';

/** The parts of keys that an object of any kind may have. */
const parts = [
  'state',
  'ops',
  'bell',
  'waiting',
  'items',
  'room',
  'roomwaiting',
  'open',
  'messages',
  'delayed',
  'dead',
  'news',
  'expiry',
];

/** An object on the server, by its name. */
export abstract class RedisObject {
  readonly #name: string;
  readonly #forget: () => void;
  #closed = false;

  /** @internal */
  constructor(
    /** @internal */
    protected readonly link: Link,
    /** @internal */
    protected readonly kind: string,
    options: NameOptions | undefined,
  ) {
    if (options?.name === undefined) {
      throw new TypeError(
        `Expected { name }: an object of a Redis context is found by its name, and this ${new.target.name} has none`,
      );
    }
    link.checkOpen();
    this.#name = checkName(options.name);
    this.#forget = link.onClose(() => this.leave());
  }

  /** The name by which other programs find it. */
  get name(): string {
    return this.#name;
  }

  /** Lets go of the object in this process. Waits that are pending here fail with ClosedError. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    this.closing(this.closedError());
  }

  /** Removes the object and its content from the server. */
  async unlink(): Promise<void> {
    await this.link.command('unlink()', 'UNLINK', ...parts.map((part) => this.key(part)));
  }

  /** @internal Fails what waits here. */
  protected abstract closing(error: ClosedError): void;

  /** @internal Called before the connections end. */
  protected async leave(): Promise<void> {
    this.close();
  }

  /** @internal */
  protected key(part: string): string {
    return this.link.key(this.kind, this.#name, part);
  }

  /** @internal */
  protected get isClosed(): boolean {
    return this.#closed;
  }

  /** @internal */
  protected checkOpen(): void {
    if (this.#closed) throw this.closedError();
  }

  /** @internal */
  protected closedError(): ClosedError {
    return new ClosedError(`The ${this.kind} '${this.#name}' is closed`);
  }
}
