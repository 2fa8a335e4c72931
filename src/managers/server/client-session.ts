/** A server's conversation with one client: what it calls, and what is given back when it ends. */

import { types } from 'node:util';
import { MultiprocError, RemoteError } from '../../errors.js';
import { inThisContext } from '../../lifecycle/async-context.js';
import type { Channel } from '../../messaging/channel.js';
import type { Origin } from '../../serialize/afar.js';
import { performanceNow, setImmediate } from '../../timing.js';
import { makeProxy } from '../client/proxy-factory.js';
import { Question, Reply, Request } from '../protocol/frame.js';
import { FrameReader, type Whole } from '../protocol/frame-decoder.js';
import { hasLongArray, isDeeper } from '../protocol/limits.js';
import { Interest, Talk, type Talker } from '../protocol/message-transport.js';
import { conveyed, forgo, kept, loading, open } from '../protocol/payload.js';
import type { Carriage } from '../protocol/proxy-scope.js';
import {
  asCall,
  type Caller,
  Cancelled,
  type CurrentCall,
  callBy,
  type Holdable,
  takeBack,
} from '../types/call-context.js';
import { ManagedIterator } from '../types/iterator.js';
import { DeferredCalls } from './call-queue.js';
import { References } from './client-references.js';
import { LocalHold } from './local-ref.js';
import type { Entry, Objects } from './object-table.js';
import type { Server } from './server.js';

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
/** Arrays may have this many elements for each byte of their message, and this many more: small ones may have holes. */
const elementsPerByte = 8;
const elementsPerCall = 10_000;
/** Work of one client, in ms, after which the others have their turn. */
const sliceMs = 5;
/** What a deferred call takes beside its arguments. */
const deferredSize = 200;

export class Session implements Talker, Carriage, Caller {
  readonly objects: Objects;
  readonly holdings = new Set<Holdable>();
  ended = false;
  readonly #server: Server;
  readonly #talk: Talk;
  readonly #origin: Origin | undefined;
  readonly #references: References;
  readonly #calls = new Map<number, Call>();
  /** Creations that wait for the type's function. */
  readonly #making = new Map<number, Promise<void>>();
  /** What creations made, the newest last: an object's number, or why there is none. */
  readonly #made = new Map<number, number | { readonly error: unknown }>();
  /** Objects that went with the answer that is being written. */
  #given: Entry[] = [];
  readonly #deferred = new DeferredCalls();
  /** What comes behind a call whose modules are being loaded, or when the client does not take its answers. */
  #rest: FrameReader | undefined;
  #loading = false;
  /** Work since other clients had their turn, in ms. */
  #spent = 0;
  /** Whether other clients have their turn now. */
  #yields = false;

  /** @param options `origin`: the client, if that is on another machine or of another user */
  constructor(
    server: Server,
    channel: Channel,
    { inMemory, origin }: { inMemory: boolean; origin: Origin | undefined },
  ) {
    this.#server = server;
    this.objects = server.objects;
    this.#origin = origin;
    this.#references = new References(server.objects, server.limits.references);
    const most = server.limits.messageBytes + batchBytes;
    this.#talk = new Talk(channel, this, { inMemory, most });
    this.#talk.watch();
  }

  get isAfar(): boolean {
    return this.#origin !== undefined;
  }

  get interest(): Interest {
    return this.#mustWait || this.#rest !== undefined ? Interest.none : Interest.quiet;
  }

  receive(message: Buffer): void {
    this.#readOn(new FrameReader(message));
    if (this.#talk.out.length > 0) this.#talk.flush();
  }

  relieved(): void {
    const rest = this.#rest;
    if (this.#mustWait || this.ended) return;
    this.#rest = undefined;
    this.#goOn();
    if (rest !== undefined) this.#talk.attempt(() => this.#readOn(rest));
    if (this.#talk.out.length > 0) this.#talk.flush();
  }

  /** The client is gone. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.#rest = undefined;
    this.#deferred.clear();
    for (const call of this.#calls.values()) takeBack(call);
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
    return this.#proxyOf(this.#references.get(id < 0 ? this.#madeBy(-id) : id));
  }

  /** A proxy goes to the client. */
  give(entry: Entry): void {
    this.#references.retain(entry);
    this.#given.push(entry);
  }

  #readOn(reader: FrameReader): void {
    let began = performanceNow();
    while (!reader.atEnd && !this.ended) {
      if (this.#mustWait) {
        reader.keepRest();
        this.#rest = reader;
        return;
      }
      this.#next(reader);
      this.#unburden();
      began = this.#spend(began);
    }
  }

  /** Counts the time since then. What this client says next is read after the others' turn, if it was much. */
  #spend(began: number): number {
    const end = performanceNow();
    this.#spent += end - began;
    if (this.#spent < sliceMs || this.#yields) return end;
    this.#yields = true;
    setImmediate(() => {
      this.#yields = false;
      this.#spent = 0;
      if (this.ended) return;
      this.relieved();
      this.#talk.flush();
      this.#talk.watch();
    });
    return end;
  }

  /**
   * Nothing that the client says is read now: a call's modules are being loaded, the client does not take its answers, or
   * others have their turn.
   */
  get #mustWait(): boolean {
    return this.#yields || this.#loading || this.#talk.backlog > this.#server.limits.unreadBytes;
  }

  #unburden(): void {
    if (this.#talk.isFull || this.#talk.backlog > this.#server.limits.unreadBytes) this.#talk.flush();
  }

  /** Whether calls have to wait for others to be answered. */
  get #isBusy(): boolean {
    return this.#calls.size >= this.#server.limits.calls;
  }

  /** Starts calls that were deferred, as far as there may be more. */
  #goOn(): void {
    let began = performanceNow();
    while (!this.#isBusy && !this.#mustWait && !this.ended) {
      const act = this.#deferred.next();
      if (act === undefined) return;
      this.#talk.attempt(act.start);
      this.#unburden();
      began = this.#spend(began);
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
        this.#release(reader.number(), reader.number());
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

  /** Calls that are deferred may have proxies of the object among their arguments. */
  #release(id: number, count: number): void {
    const start = () => this.#references.release(id, count);
    const isFull = this.#deferred.size >= this.#server.limits.messageBytes;
    if (this.#deferred.isEmpty || isFull) start();
    else this.#deferred.add({ number: 0, size: deferredSize, start, forgo() {} });
  }

  #take(task: Task, args: unknown[] | Whole): void {
    if (this.#deferred.isEmpty && !this.#isBusy) this.#start(task, args);
    else this.#defer(task, args);
  }

  /** What else the client says is read on: that it takes a call back, lets go of something, or is gone. */
  #defer(task: Task, args: unknown[] | Whole): void {
    const { calls, messageBytes } = this.#server.limits;
    if (this.#deferred.size >= messageBytes) {
      forgo(args);
      const reason = `The client has ${calls} calls that are not answered (limits.calls), and too many wait behind them`;
      this.#fail(task.number, new RemoteError(reason));
      return;
    }
    const own = kept(args);
    const size = deferredSize + (Array.isArray(own) ? scalarsSize(own) : own.bytes.length);
    const start = () => this.#start(task, own);
    this.#deferred.add({ number: task.number, size, start, forgo: () => forgo(own) });
  }

  #start(task: Task, args: unknown[] | Whole): void {
    if (Array.isArray(args)) {
      this.#run(task, args);
      return;
    }
    const ready = this.#readyFor(args);
    if (ready === undefined) this.#open(task, args);
    else this.#load(task, kept(args), ready);
  }

  /** Resolves once everything that the arguments refer to is there; `undefined`: it is. */
  #readyFor(args: Whole): Promise<unknown> | undefined {
    const modules = loading(args, this.#origin);
    const making = args.awaited.flatMap((number) => this.#making.get(number) ?? []);
    return making.length === 0 ? modules : Promise.all([modules, ...making]);
  }

  #open(task: Task, args: Whole): void {
    let opened: unknown[];
    try {
      opened = this.#checked(open(args, this, this.#origin), args.bytes.length);
    } catch (error) {
      this.#throw(task.number, error);
      return;
    }
    this.#run(task, opened);
  }

  /** What this client says next has to wait: calls begin in their order. */
  #load(task: Task, args: Whole, ready: Promise<unknown>): void {
    this.#loading = true;
    const goOn = (act: () => void) => {
      this.#loading = false;
      if (this.ended) {
        forgo(args);
        return;
      }
      act();
      this.relieved();
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

  #checked(args: unknown, bytes: number): unknown[] {
    if (!Array.isArray(args)) throw new TypeError('The arguments are no array');
    // First: what comes next walks by length.
    if (hasLongArray(args, bytes * elementsPerByte + elementsPerCall)) {
      throw new RangeError(
        `Expected arrays no longer than a message of ${bytes} bytes can fill, got a sparse one: send its entries in a Map`,
      );
    }
    if (this.#origin !== undefined && isDeeper(args, this.#server.limits.nesting + 1)) {
      throw new RangeError(`The arguments are nested more deeply than the manager takes (limits.nesting)`);
    }
    return args;
  }

  #run(task: Task, args: unknown[]): void {
    const { number, start } = task;
    const call: Call = { ...callBy(this), number, dropped: false };
    let result: unknown;
    try {
      // What a method enters into its async context (`enterWith`) must not reach the calls of other clients.
      result = asCall(call, inThisContext(start), args);
    } catch (error) {
      this.#refuse(task, error);
      return;
    }
    if (!types.isPromise(result)) {
      this.#answer(task, result);
      return;
    }
    this.#calls.set(number, call);
    const done = result.then(
      (value) => this.#settle(call, () => this.#answer(task, value)),
      (error) => this.#settle(call, () => this.#refuse(task, error)),
    );
    if (!task.isOurs) return;
    this.#making.set(
      number,
      done.finally(() => this.#making.delete(number)),
    );
  }

  /** A call that waited is over. */
  #settle(call: Call, answer: () => void): void {
    if (this.ended || call.dropped) return;
    this.#calls.delete(call.number);
    answer();
    this.#unburden();
    this.#goOn();
    this.#talk.schedule();
  }

  #refuse({ number, isOurs }: Task, error: unknown): void {
    if (isOurs) this.#note(number, { error });
    if (error instanceof Cancelled) this.#talk.out.begin(Reply.cancelled, number);
    else if (isOurs) this.#fail(number, error);
    else this.#throw(number, error);
  }

  #cancel(number: number): void {
    if (this.#deferred.takeBack(number)) {
      this.#talk.out.begin(Reply.cancelled, number);
      return;
    }
    const call = this.#calls.get(number);
    if (call === undefined || takeBack(call)) return;
    // The method knows nothing of cancelling: it runs on, and nobody hears of it.
    call.dropped = true;
    this.#calls.delete(number);
    this.#talk.out.begin(Reply.cancelled, number);
    this.#goOn();
  }

  #tell(number: number, question: number): void {
    const answer = (result: unknown) => this.#answer({ number, typeid: undefined, isOurs: false }, result);
    if (question === Question.objects) answer(this.objects.size);
    else if (question === Question.debug) answer(this.objects.describe());
    else answer(undefined);
    if (!this.#server.stoppable) return;
    if (question === Question.retire) this.#server.retire();
    if (question !== Question.shutdown) return;
    this.#talk.flush();
    this.#server.stop();
  }

  #answer({ number, typeid, isOurs }: Omit<Task, 'start'>, result: unknown): void {
    if (typeid === undefined) {
      const { out } = this.#talk;
      const start = out.length;
      out.begin(Reply.value, number);
      if (out.scalar(result)) return;
      out.cutTo(start);
    }
    this.#write(Reply.value, number, () => {
      const type = typeid ?? (result instanceof ManagedIterator ? 'Iterator' : undefined);
      if (type === undefined) return result;
      const entry = this.objects.entryOf(type, result);
      if (isOurs) this.#note(number, entry.id);
      return this.#proxyOf(entry);
    });
  }

  /** Remembers what a creation has made: the client may refer to it before the answer reaches it. */
  #note(number: number, made: number | { readonly error: unknown }): void {
    this.#made.delete(number);
    this.#made.set(number, made);
    if (this.#made.size > this.#server.limits.references) this.#made.delete(this.#made.keys().next().value as number);
  }

  #madeBy(number: number): number {
    const made = this.#made.get(number);
    if (typeof made === 'number') return made;
    throw new RemoteError('The object of a proxy among the arguments could not be made', { cause: made?.error });
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
      conveyed(this, this.#origin, () => out.value(value(), 'result'));
    } catch (error) {
      out.cutTo(start);
      for (const entry of this.#given) this.#references.release(entry.id, 1);
      if (this.#made.has(number)) this.#note(number, { error });
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

function scalarsSize(args: readonly unknown[]): number {
  return args.reduce<number>((size, arg) => size + (typeof arg === 'string' ? arg.length : 8), 0);
}

const rule = '-'.repeat(75);

/** As Python's RemoteError reads. */
function describe(error: unknown): string {
  if (error instanceof RemoteError) return error.message;
  const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
  return `\n${rule}\n${text}\n${rule}`;
}
