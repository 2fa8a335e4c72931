/** A server's conversation with one client: what it calls, what it has, and what is given back when it ends. */
import { types } from 'node:util';
import { MultiprocError, RemoteError } from '../errors.js';
import type { Channel } from '../messaging/channel.js';
import { fromAfar } from '../serialize/afar.js';
import { asCall, type Caller, Cancelled, type CurrentCall, type Holdable } from './caller.js';
import { type Carriage, carriedBy } from './carriage.js';
import { FrameReader, Question, Reply, Request, Unreadable } from './frames.js';
import { isDeeper } from './limits.js';
import { LocalHold } from './local-hold.js';
import { makeProxy } from './make-proxy.js';
import type { Entry, Server } from './server.js';
import { Interest, Talk, type Talker } from './talk.js';
import { ManagedIterator } from './types/iterator.js';

interface Reference {
  readonly entry: Entry;
  count: number;
}

/** A call that waits. */
interface Call extends CurrentCall {
  readonly number: number;
  /** The client does not want to know any more. */
  dropped: boolean;
}

/** Beside the frames of one call, those of the same turn may be in a message. */
const batchBytes = 64 * 1024;

export class Session implements Talker, Carriage, Caller {
  readonly server: Server;
  readonly holdings = new Set<Holdable>();
  ended = false;
  readonly #talk: Talk;
  readonly #fromAfar: boolean;
  readonly #references = new Map<number, Reference>();
  readonly #calls = new Map<number, Call>();
  /** Proxies that the client sent to others. */
  readonly #lent = new Set<number>();
  #referenceCount = 0;
  /** Objects that went with the answer that is being written. */
  #given: Entry[] = [];

  constructor(server: Server, channel: Channel, { inMemory, fromAfar }: { inMemory: boolean; fromAfar: boolean }) {
    this.server = server;
    this.#fromAfar = fromAfar;
    const most = server.limits.messageBytes + batchBytes;
    this.#talk = new Talk(channel, this, { looks: inMemory, most });
    this.#talk.watch();
  }

  get interest(): Interest {
    const { calls, unreadBytes } = this.server.limits;
    const tooMuch = this.#calls.size >= calls || this.#talk.backlog > unreadBytes;
    return tooMuch ? Interest.none : Interest.quiet;
  }

  /** How many references the client has. */
  get references(): number {
    return this.#referenceCount;
  }

  receive(message: Buffer): void {
    const reader = new FrameReader(message);
    let first: (() => void) | undefined = this.#read(reader);
    if (!reader.atEnd) {
      // All of them first: what is called may read other messages, over this one.
      const acts = [first];
      while (!reader.atEnd) acts.push(this.#read(reader));
      first = undefined;
      for (const act of acts) if (!this.ended) act();
    }
    first?.();
    if (this.#talk.out.length > 0) this.#talk.schedule();
  }

  /** The client is gone. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    for (const call of this.#calls.values()) call.cancel?.();
    this.#calls.clear();
    for (const holding of [...this.holdings]) holding.forsake(this);
    this.holdings.clear();
    for (const transit of this.#lent) this.server.settle(transit, false);
    for (const { entry, count } of this.#references.values()) this.server.release(entry, count);
    this.#references.clear();
    this.server.leave(this);
  }

  close(): void {
    this.#talk.flush();
    this.#talk.close();
    this.end();
  }

  /** In the child of a fork: the client talks to the parent. */
  abandon(): void {
    this.#talk.abandon();
  }

  /** A proxy that the client sent back. */
  arrive(id: number): object {
    const reference = this.#references.get(id);
    if (reference === undefined) throw new RemoteError('A proxy was sent whose object the sender does not have');
    const { entry } = reference;
    return makeProxy(new LocalHold(this.server, entry), entry.details, undefined);
  }

  /** A proxy goes to the client. */
  give(entry: Entry): void {
    this.#retain(entry);
    this.#given.push(entry);
  }

  /** A proxy that the client sent elsewhere has arrived there. */
  unlend(transit: number): void {
    this.#lent.delete(transit);
  }

  /** What the next frame asks for. */
  #read(reader: FrameReader): () => void {
    const request = reader.byte();
    const number = reader.integer();
    switch (request) {
      case Request.call: {
        const id = reader.number();
        const method = reader.text();
        const args = reader.arguments();
        return () => this.#call(number, id, method, args);
      }
      case Request.create: {
        const typeid = reader.text();
        const args = reader.arguments();
        return () => this.#create(number, typeid, args);
      }
      case Request.cancel:
        return () => this.#cancel(number);
      case Request.ask: {
        const question = reader.byte();
        return () => this.#tell(number, question);
      }
      case Request.release:
      case Request.claim:
      case Request.lend:
      case Request.withdraw: {
        const id = reader.number();
        const last = reader.number();
        return () => this.#keepBooks(request, id, last);
      }
      default:
        throw new MultiprocError('A client sent what is no request', { code: 'ERR_MULTIPROC_MESSAGE' });
    }
  }

  #keepBooks(request: number, id: number, last: number): void {
    if (request === Request.release) this.#release(id, last);
    else if (request === Request.claim) this.#claim(id, last);
    else if (request === Request.lend) this.#lend(id, last);
    else if (this.#lent.delete(last)) this.server.settle(last, false);
  }

  #call(number: number, id: number, name: string, readArguments: () => unknown[]): void {
    const entry = this.#references.get(id)?.entry;
    if (entry === undefined) {
      this.#fail(
        number,
        new RemoteError('The object is not there (any more): its server was started anew, or let go of it'),
      );
      return;
    }
    const method = entry.methods.get(name);
    if (method === undefined) {
      this.#fail(
        number,
        new RemoteError(`'${entry.details.typeid}' object has no method '${name}' that may be called`),
      );
      return;
    }
    const args = this.#readArguments(number, readArguments);
    if (args === undefined) return;
    const typeid = Object.hasOwn(entry.methodToTypeid, name) ? entry.methodToTypeid[name] : undefined;
    this.#run(
      number,
      () => method(...args),
      typeid,
      (error) => this.#throw(number, error),
    );
  }

  #create(number: number, typeid: string, readArguments: () => unknown[]): void {
    const args = this.#readArguments(number, readArguments);
    if (args === undefined) return;
    this.#run(
      number,
      () => this.server.create(typeid, args),
      typeid,
      (error) => this.#fail(number, error),
    );
  }

  #readArguments(number: number, read: () => unknown[]): unknown[] | undefined {
    try {
      const args = carriedBy(this, this.#fromAfar ? () => fromAfar(read) : read);
      if (this.#fromAfar && isDeeper(args, this.server.limits.nesting + 1)) {
        throw new RangeError(`The arguments are nested more deeply than the manager takes (limits.nesting)`);
      }
      return args;
    } catch (error) {
      this.#throw(number, error instanceof Unreadable ? error.reason : error);
      return undefined;
    }
  }

  #run(number: number, start: () => unknown, typeid: string | undefined, fail: (error: unknown) => void): void {
    const call: Call = { caller: this, cancel: undefined, number, dropped: false };
    let result: unknown;
    try {
      result = asCall(call, start);
    } catch (error) {
      fail(error);
      return;
    }
    if (!isPromise(result)) {
      this.#answer(number, result, typeid);
      return;
    }
    this.#calls.set(number, call);
    result.then(
      (value) => this.#settle(call, () => this.#answer(number, value, typeid)),
      (error) => this.#settle(call, () => (error instanceof Cancelled ? this.#cancelled(number) : fail(error))),
    );
  }

  /** A call that waited is over. */
  #settle(call: Call, answer: () => void): void {
    if (this.ended || call.dropped) return;
    this.#calls.delete(call.number);
    answer();
    this.#talk.schedule();
    // There may have been too many to read on.
    this.#talk.watch();
  }

  #cancel(number: number): void {
    const call = this.#calls.get(number);
    if (call === undefined) return;
    if (call.cancel !== undefined) {
      call.cancel();
      return;
    }
    // The method knows nothing of cancelling: it runs on, and nobody hears of it.
    call.dropped = true;
    this.#calls.delete(number);
    this.#cancelled(number);
  }

  #tell(number: number, question: number): void {
    if (question === Question.objects) this.#answer(number, this.server.numberOfObjects, undefined);
    else if (question === Question.debug) this.#answer(number, this.server.debugInfo(), undefined);
    else this.#answer(number, undefined, undefined);
    if (question !== Question.shutdown || !this.server.stoppable) return;
    this.#talk.flush();
    this.server.stop();
  }

  #answer(number: number, result: unknown, typeid: string | undefined): void {
    this.#write(Reply.value, number, () => {
      const type = typeid ?? (result instanceof ManagedIterator ? 'Iterator' : undefined);
      if (type === undefined) return result;
      const entry = this.server.entryOf(type, result);
      return makeProxy(new LocalHold(this.server, entry), entry.details, undefined);
    });
  }

  #throw(number: number, error: unknown): void {
    this.#write(Reply.thrown, number, () => error);
  }

  #write(reply: number, number: number, value: () => unknown): void {
    const { out } = this.#talk;
    const start = out.length;
    this.#given = [];
    try {
      out.begin(reply, number);
      const write = () => out.value(value(), 'result');
      carriedBy(this, this.#fromAfar ? () => fromAfar(write) : write);
    } catch (error) {
      out.cutTo(start);
      for (const entry of this.#given) this.#release(entry.id, 1);
      this.#fail(number, error);
    }
  }

  /** The server could not do it. */
  #fail(number: number, error: unknown): void {
    this.#talk.out.begin(Reply.failed, number);
    this.#talk.out.text(describe(error));
  }

  #cancelled(number: number): void {
    this.#talk.out.begin(Reply.cancelled, number);
  }

  #retain(entry: Entry): void {
    if (this.#referenceCount >= this.server.limits.references) {
      throw new RangeError(`The client has ${this.#referenceCount} proxies, and may not have more (limits.references)`);
    }
    this.#referenceCount++;
    this.server.retain(entry);
    const reference = this.#references.get(entry.id);
    if (reference === undefined) this.#references.set(entry.id, { entry, count: 1 });
    else reference.count++;
  }

  #release(id: number, count: number): void {
    const reference = this.#references.get(id);
    if (reference === undefined || !Number.isInteger(count) || count < 1) return;
    const released = Math.min(count, reference.count);
    reference.count -= released;
    this.#referenceCount -= released;
    if (reference.count === 0) this.#references.delete(id);
    this.server.release(reference.entry, released);
  }

  #claim(id: number, transit: number): void {
    const entry = this.server.find(id);
    if (entry !== undefined && this.#referenceCount < this.server.limits.references) this.#retain(entry);
    const lender = this.server.settle(transit, true);
    if (lender instanceof Session) lender.unlend(transit);
  }

  #lend(id: number, transit: number): void {
    const entry = this.#references.get(id)?.entry;
    if (entry === undefined || this.#lent.size >= this.server.limits.references) return;
    if (this.server.lend(entry, transit, this)) this.#lent.add(transit);
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return types.isPromise(value);
}

const rule = '-'.repeat(75);

/** As Python's RemoteError reads. */
function describe(error: unknown): string {
  if (error instanceof RemoteError) return error.message;
  const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  return `\n${rule}\n${text}\n${rule}`;
}
