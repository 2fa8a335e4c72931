/** A client's conversation with one server: every proxy of this thread whose object is there uses it. */
import { constants } from 'node:buffer';
import { ClosedError, EOFError, MultiprocError, RemoteError, SystemError, TimeoutError } from '../../errors.js';
import { type Address, parseAddress, writeAddress } from '../../messaging/address.js';
import type { Origin } from '../../serialize/afar.js';
import { type Departure, depart, type Traveller } from '../../serialize/handles.js';
import { Reply, Request } from '../protocol/frame.js';
import { FrameReader } from '../protocol/frame-decoder.js';
import { FrameWriter } from '../protocol/frame-encoder.js';
import { Interest, Talk, type Talker } from '../protocol/message-transport.js';
import { conveyed, forgo, forgoFrame, kept, loading, open } from '../protocol/payload.js';
import { ownHandle } from '../protocol/proxy-handle.js';
import { type Carriage, currentCarriage, type ProxyDetails } from '../protocol/proxy-scope.js';
import type { Registry } from '../types/registered-type.js';
import { Dial, type Line } from './connect.js';
import { isServedHere } from './local-servers.js';
import type { CallOptions } from './object-ref.js';
import { Early } from './outbox.js';
import { Pending } from './pending-call.js';
import { type Anchor, anchorAt } from './server-anchors.js';

/** What a conversation needs of who began it. */
export interface LinkOwner {
  /** The proxy for an object of the server. */
  arrive(link: Link, id: number, details: ProxyDetails, registry: Registry | undefined): object;
  /** The conversation with the same server that follows one that is over. */
  renew(link: Link): Link;
  /** It is over. */
  ended(link: Link): void;
}

/** How long a server may take to answer who gives up waiting before it is taken for stopped, in ms. */
const graceMs = 1000;

export class Link implements Carriage, Talker {
  readonly address: Address;
  readonly key: Buffer;
  readonly handshakeTimeout: number;
  /** The address, for people and for handles. */
  readonly where: string;
  readonly #owner: LinkOwner;
  /** Modules that a server on another machine or of another user may name: those of all managers that use it. */
  readonly #modules = new Set<string>();
  /** The server, if that is on another machine or of another user. */
  #origin: Origin | undefined;
  readonly #anchor: WeakRef<Anchor> | undefined;
  readonly #out = new FrameWriter();
  readonly #early = new Early();
  readonly #pending = new Map<number, Pending>();
  #dial: Dial | undefined;
  #talk: Talk | undefined;
  #line: Line | undefined;
  #number = 0;
  #keen = 0;
  /** Of the call that is being answered. */
  #registry: Registry | undefined;
  /** The calls that make objects whose proxies are among the arguments that are being written. */
  readonly #awaited = new Set<number>();
  /** Why it is over. */
  #end: Error | undefined;

  constructor(address: Address, key: Buffer, handshakeTimeout: number, owner: LinkOwner) {
    this.address = address;
    this.key = key;
    this.handshakeTimeout = handshakeTimeout;
    this.#owner = owner;
    const parsed = parseAddress(address);
    this.where = writeAddress(parsed);
    this.#origin = parsed.local ? undefined : this.#afar();
    this.#anchor = anchorAt(this.where);
    let done = false;
    const dial = new Dial(address, key, handshakeTimeout, (line, error) => {
      done = true;
      this.#dial = undefined;
      if (line === undefined) this.end(error);
      else this.#open(line);
    });
    if (!done) this.#dial = dial;
  }

  /** What keeps the server running, if this thread started it. */
  get anchor(): Anchor | undefined {
    return this.#anchor?.deref();
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  get interest(): Interest {
    if (this.#pending.size === 0) return Interest.none;
    return this.#keen > 0 ? Interest.keen : Interest.quiet;
  }

  /** This conversation, or the one that follows it. */
  get living(): Link {
    return this.isThere ? this : this.#owner.renew(this);
  }

  /** Whether the end of it has not come: while nothing is expected, nobody reads. */
  get isThere(): boolean {
    if (this.#pending.size === 0) this.#talk?.hear();
    return !this.ended;
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
    { signal, ref = true, timeout }: CallOptions = {},
  ): Pending {
    const pending = this.#begin(ref, registry, (number) => this.#writeCall(number, id, method, args));
    if (signal !== undefined) {
      pending.watch(signal, () => {
        pending.error = signal.reason;
        this.#cancel(pending);
        this.#giveUpUnlessAlive(pending);
      });
    }
    if (typeof timeout === 'number' && timeout > 0 && timeout !== Infinity) {
      pending.limit(timeout + graceMs, () => this.#giveUpUnlessAlive(pending));
    }
    this.#attend();
    return pending;
  }

  callSync(id: number, method: string, args: readonly unknown[], registry: Registry | undefined): unknown {
    return this.finishSync(this.#begin(true, registry, (number) => this.#writeCall(number, id, method, args)));
  }

  create(typeid: string, args: readonly unknown[], registry: Registry | undefined): Pending {
    const pending = this.#begin(true, registry, (number) => {
      this.#out.begin(Request.create, number);
      this.#out.text(typeid);
      this.#writeArguments(args);
    });
    this.#attend();
    return pending;
  }

  /**
   * How a proxy travels whose object is still being made: to its own server as the number of the call that makes it, to
   * others as any proxy, once it is there. Only the latter blocks, and only until the server has answered.
   */
  departPending(pending: Pending, typeid: string): Departure {
    if (pending.settled || currentCarriage() !== this) return (this.finishSync(pending) as Traveller)[depart]();
    this.#awaited.add(pending.number);
    return { handle: ownHandle(-pending.number, { typeid, kind: 'object', proxyClass: undefined }), cancel() {} };
  }

  /** @param question of `Question`; 0: whether it is there */
  ask(question: number, keen = true): Pending {
    const pending = this.#begin(keen, undefined, (number) => {
      this.#out.begin(Request.ask, number);
      this.#out.byte(question);
    });
    this.#attend();
    return pending;
  }

  /** Has what was written sent, and waits for the answer, blocking the thread. */
  finishSync(pending: Pending): unknown {
    if (!pending.settled && this.#isHere) throw wouldWaitForItself();
    this.#dial?.finishSync();
    this.#talk?.flushSync();
    while (!pending.settled) {
      if (pending.openNow === undefined) this.#talk?.readSync(Infinity);
      else pending.openNow();
    }
    if (pending.failed) throw pending.error;
    return pending.value;
  }

  /** Says something that is not answered. */
  tell(request: number, id: number, transit = 0): void {
    if (this.ended) return;
    const start = this.#out.length;
    this.#out.begin(request, 0);
    this.#out.number(id);
    this.#out.number(transit);
    if (this.#talk === undefined) this.#keepEarly(undefined, start);
    else this.#talk.schedule();
  }

  /** What was written leaves now: the other side has it even if this process ends at once. */
  push(): void {
    if (this.#isHere) return;
    this.#dial?.finishSync();
    this.#talk?.flushSync();
  }

  arrive(id: number, details: ProxyDetails): object {
    return this.#owner.arrive(this, id, details, this.#registry);
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
    this.#out.close();
    for (const { frame } of this.#early.takeAll()) forgoFrame(frame);
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    this.#keen = 0;
    this.#owner.ended(this);
    for (const pending of waiting) pending.reject(pending.error ?? this.#end);
  }

  /** At the end of the program: nobody hears any more of calls that do not keep it alive. */
  forgetQuiet(): void {
    for (const pending of this.#pending.values()) if (!pending.keen) this.#pending.delete(pending.number);
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

  #begin(keen: boolean, registry: Registry | undefined, write: (number: number) => void): Pending {
    if (this.#end !== undefined) throw this.#end;
    do this.#number = (this.#number + 1) >>> 0;
    while (this.#number === 0 || this.#pending.has(this.#number));
    const pending = new Pending(this.#number, keen, registry, this.anchor);
    const start = this.#out.length;
    try {
      write(pending.number);
    } catch (error) {
      this.#out.cutTo(start);
      throw error;
    }
    const frame = this.#out.since(start);
    const tooLong = this.#tooLong(frame);
    if (tooLong !== undefined) {
      forgoFrame(frame);
      this.#out.cutTo(start);
      throw tooLong;
    }
    if (this.#talk === undefined) this.#keepEarly(pending, start);
    this.#pending.set(pending.number, pending);
    if (keen) this.#keen++;
    return pending;
  }

  #keepEarly(pending: Pending | undefined, start: number): void {
    this.#early.add(pending, this.#out.since(start));
    this.#out.cutTo(start);
  }

  /** The server is told that the answer is not wanted; before the conversation has begun that is the end of it. */
  #cancel(pending: Pending): void {
    if (this.#talk !== undefined) {
      this.#out.begin(Request.cancel, pending.number);
      this.#talk.schedule();
      return;
    }
    const frame = this.#early.takeBack(pending);
    if (frame === undefined) return;
    this.#take(pending.number);
    forgoFrame(frame);
    pending.reject(pending.error);
    this.#dial?.reference(this.#keen > 0);
  }

  /** A server that does not say within the grace that it is there says nothing of the call either, for who knows how long. */
  #giveUpUnlessAlive(pending: Pending): void {
    if (pending.settled || this.ended) return;
    const alive = this.#talk === undefined ? undefined : this.ask(0, pending.keen);
    pending.limit(graceMs, () => {
      if (alive?.settled === true) return;
      if (pending.error === undefined) {
        pending.error = new TimeoutError(`The manager at ${this.where} did not answer in time`);
        this.#cancel(pending);
      }
      pending.givenUp = true;
      pending.reject(pending.error);
    });
  }

  get #isHere(): boolean {
    return isServedHere(this.address, this.#line?.server);
  }

  /** What was written leaves soon, and its answer is looked for. */
  #attend(): void {
    const talk = this.#talk;
    if (talk === undefined) {
      this.#dial?.reference(this.#keen > 0);
      return;
    }
    // Who waits for nothing else has its answer sooner; further calls of this turn go together.
    if (this.#pending.size === 1) talk.flush();
    else talk.schedule();
    talk.watch();
  }

  #writeCall(number: number, id: number, method: string, args: readonly unknown[]): void {
    this.#out.begin(Request.call, number);
    this.#out.number(id);
    this.#out.text(method);
    this.#writeArguments(args);
  }

  #writeArguments(args: readonly unknown[]): void {
    if (this.#out.scalars(args)) return;
    this.#awaited.clear();
    conveyed(this, this.#origin, () => this.#out.arguments(args, () => [...this.#awaited]));
  }

  #tooLong({ length }: Uint8Array): RangeError | undefined {
    const largest = this.#line?.largest ?? Number.POSITIVE_INFINITY;
    if (length <= largest) return undefined;
    return new RangeError(
      `The call has ${length} bytes, more than the manager reads: ${largest} (limits.messageBytes)`,
    );
  }

  /** Allows the server to name further modules. */
  allow(modules: ReadonlySet<string>): void {
    for (const module of modules) this.#modules.add(module);
  }

  /** What was allowed, for the conversation that follows this one. */
  get modules(): ReadonlySet<string> {
    return this.#modules;
  }

  #afar(): Origin {
    return { modules: this.#modules, attaches: false };
  }

  #open(line: Line): void {
    this.#line = line;
    this.#origin = line.isAfar ? this.#afar() : undefined;
    for (const { pending, frame } of this.#early.takeAll()) {
      const tooLong = this.#tooLong(frame);
      if (tooLong === undefined) {
        this.#out.frame(frame);
      } else {
        forgoFrame(frame);
        if (pending !== undefined) this.#take(pending.number);
        pending?.reject(tooLong);
      }
    }
    this.#talk = new Talk(line.channel, this, { inMemory: line.inMemory, most: constants.MAX_LENGTH, out: this.#out });
    this.#talk.flush();
    if (this.interest !== Interest.none) this.#talk.watch();
  }

  #answer(reader: FrameReader): void {
    const kind = reader.byte();
    const pending = this.#take(reader.integer());
    if (pending?.givenUp === true && kind === Reply.value) {
      // What the call had an effect on, a lock for example, is given back with the conversation.
      throw new MultiprocError('A call was done that was given up as the manager did not answer', {
        code: 'ERR_MULTIPROC_MESSAGE',
      });
    }
    if (kind === Reply.cancelled) {
      pending?.reject(pending.error);
    } else if (kind === Reply.failed) {
      const text = reader.text();
      pending?.reject(new RemoteError(text));
    } else if (kind === Reply.value || kind === Reply.thrown) {
      const value = reader.value();
      if (pending !== undefined) this.#settle(pending, value, kind === Reply.thrown);
    } else {
      throw new MultiprocError(`The manager at ${this.where} sent what is no answer`, {
        code: 'ERR_MULTIPROC_MESSAGE',
      });
    }
  }

  #settle(pending: Pending, value: unknown, thrown: boolean): void {
    const ready = loading(value, this.#origin);
    if (ready === undefined) {
      this.#conclude(pending, value, thrown);
      return;
    }
    const copy = kept(value);
    pending.openNow = () => {
      pending.openNow = undefined;
      this.#conclude(pending, copy, thrown);
    };
    const fail = (reason: unknown) => {
      if (pending.openNow === undefined) return;
      pending.openNow = undefined;
      forgo(copy);
      pending.reject(reason);
    };
    ready.then(() => pending.openNow?.(), fail);
  }

  #conclude(pending: Pending, value: unknown, thrown: boolean): void {
    this.#registry = pending.registry;
    let opened: unknown;
    try {
      opened = open(value, this, this.#origin);
    } catch (error) {
      pending.reject(error);
      return;
    }
    if (thrown) pending.reject(opened);
    else pending.resolve(opened);
  }

  #take(number: number): Pending | undefined {
    const pending = this.#pending.get(number);
    if (pending === undefined) return undefined;
    this.#pending.delete(number);
    if (pending.keen) this.#keen--;
    return pending;
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
