/** A client's conversation with one server: every proxy of this thread whose object is there uses it. */
import { constants } from 'node:buffer';
import { ClosedError, EOFError, MultiprocError, RemoteError, SystemError } from '../errors.js';
import { afterForkInChild } from '../lifecycle/after-fork.js';
import { attach } from '../lifecycle/participant.js';
import { randomBytes } from '../lifecycle/random-bytes.js';
import { type Address, parseAddress, writeAddress } from '../messaging/address.js';
import { checkHandshakeTimeout } from '../messaging/handshake-timeout.js';
import { fromAfar, isFromAfar } from '../serialize/afar.js';
import type { Departure } from '../serialize/handles.js';
import { type Carriage, carriedBy, currentCarriage, type ProxyDetails } from './carriage.js';
import { Dial, type Line } from './dial.js';
import { FrameReader, FrameWriter, Reply, Request, Unreadable } from './frames.js';
import type { CallOptions, Hold } from './hold.js';
import { makeProxy } from './make-proxy.js';
import { Pending } from './pending.js';
import { ownHandle, travelHandle } from './proxy-handle.js';
import type { Registry } from './registry.js';
import { isServedHere } from './served-here.js';
import { Interest, Talk } from './talk.js';

/** By address, then by key. */
const links = new Map<string, Map<string, Link>>();

export class Link implements Carriage {
  readonly address: Address;
  readonly key: Buffer;
  /** The address, for people and for handles. */
  readonly where: string;
  readonly #isAfar: boolean;
  readonly #out = new FrameWriter();
  readonly #pending = new Map<number, Pending>();
  #dial: Dial | undefined;
  #talk: Talk | undefined;
  #line: Line | undefined;
  #number = 0;
  #keen = 0;
  /** Why it is over. */
  #end: Error | undefined;

  private constructor(address: Address, key: Buffer, timeout: number) {
    attach();
    this.address = address;
    this.key = key;
    const parsed = parseAddress(address);
    this.where = writeAddress(parsed);
    this.#isAfar = !parsed.local;
    let done = false;
    const dial = new Dial(address, key, timeout, (line, error) => {
      done = true;
      this.#dial = undefined;
      if (line === undefined) this.end(error);
      else this.#open(line);
    });
    if (!done) this.#dial = dial;
  }

  /** The conversation with the server at the address, which may be about to begin. */
  static to(address: Address, key: Buffer, handshakeTimeout?: number): Link {
    const where = writeAddress(parseAddress(address));
    let sameAddress = links.get(where);
    if (sameAddress === undefined) {
      sameAddress = new Map();
      links.set(where, sameAddress);
    }
    const name = key.toString('latin1');
    let link = sameAddress.get(name);
    if (link === undefined || link.ended) {
      link = new Link(address, key, checkHandshakeTimeout(handshakeTimeout));
      if (!link.ended) sameAddress.set(name, link);
    }
    return link;
  }

  /** The name by which {@link at} finds it. */
  static nameOf(address: Address): string {
    return writeAddress(parseAddress(address));
  }

  /** Any conversation with the server at the address, whatever its key. */
  static at(where: string): Link | undefined {
    for (const link of links.get(where)?.values() ?? []) if (!link.ended) return link;
    return undefined;
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** How many calls are not answered yet. */
  get waiting(): number {
    return this.#pending.size;
  }

  get interest(): Interest {
    if (this.#pending.size === 0) return Interest.none;
    return this.#keen > 0 ? Interest.keen : Interest.quiet;
  }

  /** Resolves when the conversation has begun. */
  async ready(): Promise<void> {
    await this.ask(0).promise();
  }

  call(
    id: number,
    method: string,
    args: readonly unknown[],
    registry: Registry | undefined,
    { signal, ref = true }: CallOptions = {},
  ): Pending {
    const pending = this.#begin(Request.call, ref, registry, () => {
      this.#out.number(id);
      this.#out.text(method);
      this.#out.arguments(args);
    });
    if (signal !== undefined) {
      pending.watch(signal, () => {
        pending.error = signal.reason;
        this.#out.begin(Request.cancel, pending.number);
        this.#talk?.schedule();
      });
    }
    return pending;
  }

  create(typeid: string, args: readonly unknown[], registry: Registry | undefined): Pending {
    return this.#begin(Request.create, true, registry, () => {
      this.#out.text(typeid);
      this.#out.arguments(args);
    });
  }

  /** @param question of `Question`; 0: whether it is there */
  ask(question: number): Pending {
    return this.#begin(Request.ask, true, undefined, () => this.#out.byte(question));
  }

  /** Has what was written sent, and waits for the answer, blocking the thread. */
  finishSync(pending: Pending): unknown {
    if (!pending.settled && isServedHere(this.address)) throw wouldWaitForItself();
    this.#dial?.finishSync();
    this.#talk?.flushSync();
    while (!pending.settled) this.#talk?.readSync(Infinity);
    if (pending.failed) throw pending.error;
    return pending.value;
  }

  /** Says something that is not answered. */
  tell(request: number, id: number, transit = 0): void {
    if (this.ended) return;
    this.#out.begin(request, 0);
    this.#out.number(id);
    this.#out.number(transit);
    this.#talk?.schedule();
  }

  /** What was written leaves now: the other side has it even if this process ends at once. */
  push(): void {
    if (isServedHere(this.address)) return;
    this.#dial?.finishSync();
    this.#talk?.flushSync();
  }

  arrive(id: number, details: ProxyDetails): object {
    const registry = this.#registry;
    return makeProxy(new RemoteHold(this, id, registry), details, registry);
  }

  receive(message: Buffer): void {
    const reader = new FrameReader(message);
    while (!reader.atEnd) this.#answer(reader);
    this.#talk?.review();
  }

  /** It is over: whoever waits is told. */
  end(reason: unknown): void {
    if (this.#end !== undefined) return;
    const opened = this.#line !== undefined;
    this.#end = opened ? gone(this.where, reason) : (reason as Error);
    this.#talk?.close();
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    this.#keen = 0;
    for (const pending of waiting) pending.reject(this.#end);
  }

  /** Closes the conversation; the server drops what this thread had. */
  close(): void {
    const closed = new ClosedError('The connection to the manager was closed in this process');
    this.#dial?.cancel(closed);
    this.end(closed);
  }

  /** In the child of a fork it is the parent's. */
  abandon(): void {
    this.#end = new EOFError("The conversation is the parent's");
    this.#pending.clear();
    this.#talk?.abandon();
  }

  /** Of the call that is being answered. */
  #registry: Registry | undefined;

  #begin(request: number, keen: boolean, registry: Registry | undefined, write: () => void): Pending {
    if (this.#end !== undefined) throw this.#end;
    do this.#number = (this.#number + 1) >>> 0;
    while (this.#number === 0 || this.#pending.has(this.#number));
    const pending = new Pending(this.#number, keen, registry);
    const start = this.#out.length;
    try {
      this.#out.begin(request, pending.number);
      carriedBy(this, this.#isAfar ? () => fromAfar(write) : write);
      this.#checkSize(this.#out.length - start);
    } catch (error) {
      this.#out.cutTo(start);
      throw error;
    }
    this.#pending.set(pending.number, pending);
    if (keen) this.#keen++;
    if (this.#talk !== undefined) {
      this.#talk.schedule();
      this.#talk.watch();
    } else {
      this.#dial?.reference(this.#keen > 0);
    }
    return pending;
  }

  #checkSize(size: number): void {
    const largest = this.#line?.largest ?? Number.POSITIVE_INFINITY;
    if (size <= largest) return;
    throw new RangeError(`The call has ${size} bytes, more than the manager reads: ${largest} (limits.messageBytes)`);
  }

  #open(line: Line): void {
    this.#line = line;
    const most = constants.MAX_LENGTH;
    this.#talk = new Talk(line.channel, this, { looks: line.inMemory, most, out: this.#out });
    this.#talk.flush();
    if (this.interest !== Interest.none) this.#talk.watch();
  }

  #answer(reader: FrameReader): void {
    const kind = reader.byte();
    const pending = this.#take(reader.integer());
    if (kind === Reply.cancelled) {
      pending?.reject(pending.error);
    } else if (kind === Reply.failed) {
      const text = reader.text();
      pending?.reject(new RemoteError(text));
    } else if (kind === Reply.value || kind === Reply.thrown) {
      this.#registry = pending?.registry;
      try {
        const value = this.#read(reader);
        if (kind === Reply.value) pending?.resolve(value);
        else pending?.reject(value);
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        pending?.reject(error.reason);
      }
    } else {
      throw new MultiprocError(`The manager at ${this.where} sent what is no answer`, {
        code: 'ERR_MULTIPROC_MESSAGE',
      });
    }
  }

  #read(reader: FrameReader): unknown {
    const read = () => reader.value();
    return carriedBy(this, this.#isAfar ? () => fromAfar(read) : read);
  }

  #take(number: number): Pending | undefined {
    const pending = this.#pending.get(number);
    if (pending === undefined) return undefined;
    this.#pending.delete(number);
    if (pending.keen) this.#keen--;
    return pending;
  }
}

/** An object in another process, held through the conversation with its server. */
export class RemoteHold implements Hold {
  readonly id: number;
  readonly #registry: Registry | undefined;
  #link: Link;
  #released = false;

  /** The server counts this reference already. */
  constructor(link: Link, id: number, registry: Registry | undefined) {
    this.#link = link;
    this.id = id;
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
    return link.finishSync(link.call(this.id, method, args, this.#registry));
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
    const transit = randomBytes(6).readUIntBE(0, 6);
    link.tell(Request.lend, this.id, transit);
    link.push();
    return {
      handle: travelHandle(this.id, transit, link, details),
      cancel: () => link.tell(Request.withdraw, this.id, transit),
    };
  }

  /** After the end of the server, or in the child of a fork, there has to be another conversation. */
  #live(): Link {
    if (this.#link.ended || this.#released) {
      this.#link = Link.to(this.#link.address, this.#link.key);
      this.#link.tell(Request.claim, this.id, 0);
      this.#released = false;
    }
    return this.#link;
  }
}

function wouldWaitForItself(): MultiprocError {
  return new MultiprocError(
    'The server runs in this thread, which cannot block until it has answered itself: await it',
    {
      code: 'EDEADLK',
    },
  );
}

function gone(where: string, cause: unknown): Error {
  if (cause instanceof ClosedError) return cause;
  return new SystemError(`ECONNRESET: the manager at ${where} has ended, or closed the connection`, {
    code: 'ECONNRESET',
    errno: 104,
    syscall: 'recv',
    path: where,
    cause,
  });
}

afterForkInChild(() => {
  for (const sameAddress of links.values()) for (const link of sameAddress.values()) link.abandon();
  links.clear();
});
