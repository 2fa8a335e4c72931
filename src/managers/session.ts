/** A server's conversation with one client: what it calls, and what is given back when it ends. */
import { types } from 'node:util';
import { MultiprocError, RemoteError } from '../errors.js';
import type { Channel } from '../messaging/channel.js';
import { asCall, type Caller, Cancelled, type CurrentCall, type Holdable } from './caller.js';
import type { Carriage } from './carriage.js';
import { FrameReader, type Whole } from './frame-reader.js';
import { Question, Reply, Request } from './frames.js';
import { isDeeper } from './limits.js';
import { LocalHold } from './local-hold.js';
import { makeProxy } from './make-proxy.js';
import type { Entry, Objects } from './objects.js';
import { conveyed, forgo, kept, loading, open } from './opening.js';
import { References } from './references.js';
import type { Server } from './server.js';
import { Interest, Talk, type Talker } from './talk.js';
import { ManagedIterator } from './types/iterator.js';

/** A call that waits. */
interface Call extends CurrentCall {
  readonly number: number;
  /** The client does not want to know any more. */
  dropped: boolean;
}

/** What is to be done with the arguments of a call, and what with an error that it throws. */
interface Task {
  readonly number: number;
  readonly start: (...args: unknown[]) => unknown;
  /** As what the result stays here. */
  readonly typeid: string | undefined;
  /** Whether an error is the server's, and told as a text. */
  readonly isOurs: boolean;
}

/** Beside the frames of one call, those of the same turn may be in a message. */
const batchBytes = 64 * 1024;

export class Session implements Talker, Carriage, Caller {
  readonly objects: Objects;
  readonly holdings = new Set<Holdable>();
  ended = false;
  readonly #server: Server;
  readonly #talk: Talk;
  readonly #isAfar: boolean;
  readonly #references: References;
  readonly #calls = new Map<number, Call>();
  /** Objects that went with the answer that is being written. */
  #given: Entry[] = [];
  /** What comes behind a call whose modules are being loaded. */
  #rest: FrameReader | undefined;
  #loading = false;

  constructor(server: Server, channel: Channel, { inMemory, isAfar }: { inMemory: boolean; isAfar: boolean }) {
    this.#server = server;
    this.objects = server.objects;
    this.#isAfar = isAfar;
    this.#references = new References(server.objects, server.limits.references);
    const most = server.limits.messageBytes + batchBytes;
    this.#talk = new Talk(channel, this, { inMemory, most });
    this.#talk.watch();
  }

  get interest(): Interest {
    const { calls, unreadBytes } = this.#server.limits;
    const tooMuch = this.#calls.size >= calls || this.#talk.backlog > unreadBytes;
    return tooMuch || this.#loading ? Interest.none : Interest.quiet;
  }

  receive(message: Buffer): void {
    this.#readOn(new FrameReader(message));
    if (this.#talk.out.length > 0) this.#talk.flush();
  }

  /** The client is gone. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    for (const call of this.#calls.values()) call.cancel?.();
    this.#calls.clear();
    for (const holding of [...this.holdings]) holding.forsake(this);
    this.holdings.clear();
    this.#references.drop();
    this.#server.leave(this);
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
    return this.#proxyOf(this.#references.get(id));
  }

  /** A proxy goes to the client. */
  give(entry: Entry): void {
    this.#references.retain(entry);
    this.#given.push(entry);
  }

  #readOn(reader: FrameReader): void {
    while (!reader.atEnd && !this.ended) {
      if (this.#loading) {
        this.#rest = reader;
        return;
      }
      this.#next(reader);
      if (this.#talk.isFull) this.#talk.flush();
    }
  }

  #next(reader: FrameReader): void {
    const request = reader.byte();
    const number = reader.integer();
    switch (request) {
      case Request.call: {
        const id = reader.number();
        const method = reader.text();
        const args = reader.arguments();
        reader.keepRest();
        this.#call(number, id, method, args);
        break;
      }
      case Request.create: {
        const typeid = reader.text();
        const args = reader.arguments();
        reader.keepRest();
        const start = (...values: unknown[]) => this.objects.create(typeid, values);
        this.#take({ number, start, typeid, isOurs: true }, args);
        break;
      }
      case Request.cancel:
        this.#cancel(number);
        break;
      case Request.ask:
        this.#tell(number, reader.byte());
        break;
      case Request.release:
        this.#references.release(reader.number(), reader.number());
        break;
      case Request.claim:
        this.#references.claim(reader.number(), reader.number());
        break;
      case Request.lend:
        this.#references.lend(reader.number(), reader.number());
        break;
      case Request.withdraw:
        reader.number();
        this.#references.withdraw(reader.number());
        break;
      default:
        throw new MultiprocError('A client sent what is no request', { code: 'ERR_MULTIPROC_MESSAGE' });
    }
  }

  #call(number: number, id: number, name: string, args: unknown[] | Whole): void {
    const entry = this.#references.find(id);
    const method = entry?.methods.get(name);
    if (entry === undefined) {
      const reason = 'The object is not there (any more): its server was started anew, or let go of it';
      this.#fail(number, new RemoteError(reason));
    } else if (method === undefined) {
      const reason = `'${entry.details.typeid}' object has no method '${name}' that may be called`;
      this.#fail(number, new RemoteError(reason));
    } else {
      const typeid = Object.hasOwn(entry.methodToTypeid, name) ? entry.methodToTypeid[name] : undefined;
      this.#take({ number, start: method, typeid, isOurs: false }, args);
    }
  }

  #take(task: Task, args: unknown[] | Whole): void {
    if (Array.isArray(args)) {
      this.#run(task, args);
      return;
    }
    const ready = loading(args, this.#isAfar);
    if (ready === undefined) this.#open(task, args);
    else this.#load(task, kept(args), ready);
  }

  #open(task: Task, args: Whole): void {
    let opened: unknown[];
    try {
      opened = this.#checked(open(args, this, this.#isAfar));
    } catch (error) {
      this.#throw(task.number, error);
      return;
    }
    this.#run(task, opened);
  }

  /** What this client says next has to wait: calls begin in their order. */
  #load(task: Task, args: Whole, ready: Promise<void>): void {
    this.#loading = true;
    const goOn = (act: () => void) => {
      this.#loading = false;
      if (this.ended) {
        forgo(args);
        return;
      }
      act();
      const rest = this.#rest;
      this.#rest = undefined;
      if (rest !== undefined) this.#talk.attempt(() => this.#readOn(rest));
      this.#talk.flush();
      this.#talk.watch();
    };
    const fail = (error: unknown) => {
      forgo(args);
      this.#throw(task.number, error);
    };
    ready.then(
      () => goOn(() => this.#open(task, args)),
      (error) => goOn(() => fail(error)),
    );
  }

  #checked(args: unknown): unknown[] {
    if (!Array.isArray(args)) throw new TypeError('The arguments are no array');
    if (this.#isAfar && isDeeper(args, this.#server.limits.nesting + 1)) {
      throw new RangeError(`The arguments are nested more deeply than the manager takes (limits.nesting)`);
    }
    return args;
  }

  #run(task: Task, args: unknown[]): void {
    const { number, start, typeid } = task;
    const call: Call = { caller: this, cancel: undefined, number, dropped: false };
    let result: unknown;
    try {
      result = asCall(call, start, args);
    } catch (error) {
      this.#refuse(task, error);
      return;
    }
    if (!types.isPromise(result)) {
      this.#answer(number, result, typeid);
      return;
    }
    this.#calls.set(number, call);
    result.then(
      (value) => this.#settle(call, () => this.#answer(number, value, typeid)),
      (error) => this.#settle(call, () => this.#refuse(task, error)),
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

  #refuse({ number, isOurs }: Task, error: unknown): void {
    if (error instanceof Cancelled) this.#talk.out.begin(Reply.cancelled, number);
    else if (isOurs) this.#fail(number, error);
    else this.#throw(number, error);
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
    this.#talk.out.begin(Reply.cancelled, number);
  }

  #tell(number: number, question: number): void {
    if (question === Question.objects) this.#answer(number, this.objects.size, undefined);
    else if (question === Question.debug) this.#answer(number, this.objects.describe(), undefined);
    else this.#answer(number, undefined, undefined);
    if (question !== Question.shutdown || !this.#server.stoppable) return;
    this.#talk.flush();
    this.#server.stop();
  }

  #answer(number: number, result: unknown, typeid: string | undefined): void {
    if (typeid === undefined) {
      const { out } = this.#talk;
      const start = out.length;
      out.begin(Reply.value, number);
      if (out.scalar(result)) return;
      out.cutTo(start);
    }
    this.#write(Reply.value, number, () => {
      const type = typeid ?? (result instanceof ManagedIterator ? 'Iterator' : undefined);
      return type === undefined ? result : this.#proxyOf(this.objects.entryOf(type, result));
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
      conveyed(this, this.#isAfar, () => out.value(value(), 'result'));
    } catch (error) {
      out.cutTo(start);
      for (const entry of this.#given) this.#references.release(entry.id, 1);
      this.#fail(number, error);
    }
  }

  /** The server could not do it. */
  #fail(number: number, error: unknown): void {
    this.#talk.out.begin(Reply.failed, number);
    this.#talk.out.text(describe(error));
  }

  #proxyOf(entry: Entry): object {
    return makeProxy(new LocalHold(this.objects, entry), entry.details, undefined);
  }
}

const rule = '-'.repeat(75);

/** As Python's RemoteError reads. */
function describe(error: unknown): string {
  if (error instanceof RemoteError) return error.message;
  const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  return `\n${rule}\n${text}\n${rule}`;
}
