/**
 * This process's membership of a named pool: sends tasks to the pool's host and receives their outcomes.
 *
 * A member holds its tasks until it is connected. Tasks that the host had when it died fail with a WorkerLostError, and
 * the next task starts a new host.
 */
import type { Readable } from 'node:stream';
import { now } from '../../deadline.js';
import { AuthenticationError, ProcessError, SystemError, TimeoutError, WorkerLostError } from '../../errors.js';
import { throwLater } from '../../lifecycle/uncaught.js';
import { getLogger } from '../../logging.js';
import { clientFacts } from '../../messaging/channel-claim.js';
import { clientHandshake, type HandshakeScript } from '../../messaging/handshake.js';
import { SocketChannel } from '../../messaging/socket-channel.js';
import { native } from '../../native.js';
import { deserialize, discard, isKeeping, serialize } from '../../serialize/codec.js';
import { type Block, blockOf, closedError } from '../../shared/block.js';
import { sweepAfterKill } from '../../shared/sweep.js';
import { clearTimeout, queueMicrotask, setTimeout } from '../../timing.js';
import { Board, type BoardWords, type Interrupt, Row } from '../board.js';
import type { Engine, EngineOwner, LostWorker } from '../engine.js';
import { PoolFunctions } from '../functions.js';
import { Histogram } from '../histogram.js';
import { Makings } from '../makings.js';
import type { Payload } from '../payload.js';
import type { PoolWorkerStats } from '../stats.js';
import type { PoolTask } from '../task.js';
import { checkAgainst, configOf, type NamedOptions } from './config.js';
import { startHost } from './host-start.js';
import { Ask, bufferOf, type Packet, packetOf, sizeOf, Tell, valuesOf } from './protocol.js';
import { Rendezvous } from './rendezvous.js';
import { Wire } from './wire.js';

/** Upper bound on bytes of tasks at the host; more wait with their jobs. */
const plentyBytes = 4 * 1024 * 1024;
/** Time-out of the host's answer, in ms: it may have to be started. */
const answerMs = 30_000;
/** Upper bound on hosts in a row that end before they serve. */
const maxFailures = 5;
const retryMs = 10;
const maxRetryMs = 1000;

interface Held {
  readonly task: PoolTask;
  readonly size: number;
  /** Present until it is sent. */
  packet: Packet | undefined;
}

interface CrewMember {
  readonly row: number;
  readonly pid: number;
  readonly name: string;
}

export class Membership implements Engine {
  readonly size: number;
  readonly functions = new PoolFunctions(() => [0]);
  readonly runTime = new Histogram();
  readonly waitTime = new Histogram();
  readonly stdout: Readable | null = null;
  readonly stderr: Readable | null = null;
  completed = 0;
  failed = 0;
  lost = 0;
  readonly #name: string;
  readonly #owner: EngineOwner;
  readonly #rendezvous: Rendezvous;
  readonly #stdio: 'inherit' | 'ignore';
  readonly #grace: number;
  /** Bytes that keep shared objects of the initializer's arguments. */
  readonly #made: Buffer | undefined;
  readonly #tasks = new Map<number, Held>();
  readonly #unsent = new Set<number>();
  /** Functions that the host has by their number. */
  readonly #told = new Set<number>();
  readonly #makings = new Makings(() => {
    this.#owner.moved();
    this.#attend();
  });
  #lastId = 0;
  #bytes = 0;
  #wire: Wire | undefined;
  #script: HandshakeScript | undefined;
  #isJoined = false;
  #hostPid: number | undefined;
  #board: { readonly words: BoardWords; readonly view: Board } | undefined;
  #crew: readonly CrewMember[] = [];
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Time of the next attempt or of the time-out, on the machine's monotonic clock in ms. */
  #due = Infinity;
  #isBlocked = false;
  #isHeld = false;
  /** Whether this member leaves the pool. */
  #isLeaving = false;
  #isGone = false;

  /**
   * Joins the pool, which need not have a host yet.
   *
   * @param given the size, if the caller gives one
   * @throws MultiprocError `ERR_MULTIPROC_KIND` if the pool exists with other options
   */
  constructor(given: number | undefined, size: number, options: NamedOptions, owner: EngineOwner) {
    this.#name = options.name;
    this.#owner = owner;
    let made: Buffer | undefined;
    this.#rendezvous = Rendezvous.openOrCreate(options.name, () => {
      const { config, kept } = configOf(size, options);
      made = kept;
      return config;
    });
    this.#made = made;
    const { config } = this.#rendezvous;
    try {
      checkAgainst(config, given, options);
    } catch (error) {
      this.#rendezvous.close();
      throw error;
    }
    this.size = config.size;
    this.#stdio = options.stdio === 'ignore' ? 'ignore' : 'inherit';
    this.#grace = options.grace ?? 1000;
    try {
      this.#connect();
    } catch (error) {
      this.#letGo();
      throw error;
    }
  }

  get unfinished(): number {
    return this.#tasks.size + this.#makings.size;
  }

  get queued(): number {
    return this.#unsent.size;
  }

  get isRoomy(): boolean {
    return this.#bytes < plentyBytes;
  }

  get block(): Block {
    if (this.#board === undefined) throw closedError('pool is not connected yet, or');
    return (this.#board.words as unknown as { [blockOf](): Block })[blockOf]();
  }

  workers(): PoolWorkerStats[] {
    const states = ['starting', 'idle', 'busy', 'retired'] as const;
    const board = this.#board?.view;
    if (board === undefined) return [];
    return this.#crew.map(({ row, pid, name }) => ({
      pid,
      name,
      state: states[board.get(row, Row.state)] ?? 'starting',
    }));
  }

  submit(task: PoolTask, payload: Payload): void {
    const packet = packetOf(payload, isKeeping);
    task.ordinal = ++this.#lastId;
    const held: Held = { task, packet, size: sizeOf(packet) };
    this.#tasks.set(task.ordinal, held);
    this.#bytes += held.size;
    if (this.#isJoined) {
      this.#send(task.ordinal, held);
    } else {
      this.#unsent.add(task.ordinal);
      this.#tryConnect();
    }
    this.#attend();
  }

  giveUp(task: PoolTask, why: Interrupt, reason: unknown): void {
    if (task.over) return;
    const held = this.#drop(task.ordinal);
    if (held !== undefined && held.packet === undefined && this.#isJoined) this.#ask(Ask.giveUp, task.ordinal, why);
    this.#settle(task, undefined, false, reason, 0, 0);
    this.#owner.moved();
    this.#attend();
  }

  serveSync(deadline: number): void {
    const wasBlocked = this.#isBlocked;
    this.#isBlocked = true;
    try {
      this.#makings.hurry();
      const until = Math.min(deadline, now() + 20);
      if (this.#due <= now()) this.#dueNow();
      if (this.#wire !== undefined) this.#wire.serveSync(until);
      else Atomics.wait(sleeper, 0, 0, Math.max(until - now(), 1));
    } finally {
      this.#isBlocked = wasBlocked;
    }
  }

  poll(): void {
    if (this.#due <= now()) this.#dueNow();
  }

  finish(): void {
    this.#leave(false);
  }

  terminate(reason: unknown): void {
    this.#failAll(reason);
    this.#leave(true);
  }

  leave(): void {
    this.#isLeaving = true;
    this.#letGo();
  }

  hold(): void {
    this.#isHeld = true;
    this.#attend();
  }

  forget(): void {
    this.#isLeaving = true;
    this.#isGone = true;
    clearTimeout(this.#timer);
    this.#wire?.close();
    this.#rendezvous.close();
  }

  // Connection.

  #tryConnect(): void {
    if (this.#wire !== undefined || this.#due !== Infinity || this.#isLeaving) return;
    try {
      this.#connect();
    } catch (error) {
      this.#failAll(error);
    }
  }

  /** Connects to the host, and starts one if there is none. */
  #connect(): void {
    const { address, key } = this.#rendezvous;
    let begun = tryConnect(address);
    if (begun === 'nobody' && startHost(this.#name, address, this.#stdio)) begun = tryConnect(address);
    if (typeof begun === 'string') {
      // Another program has just bound the address, or the kernel's queue of clients is full.
      this.#retry(retryMs);
      return;
    }
    const channel = new SocketChannel(begun);
    this.#script = clientHandshake({ key, purpose: 'pool', python: false, facts: clientFacts(begun, true) });
    this.#script.next();
    this.#wire = new Wire(channel, {
      message: (bytes) => this.#message(bytes),
      ended: () => this.#ended(),
    });
    this.#setTimer(answerMs);
    this.#wire.open();
    this.#attend();
  }

  #retry(ms: number): void {
    this.#setTimer(ms);
  }

  #setTimer(ms: number): void {
    clearTimeout(this.#timer);
    this.#due = now() + ms;
    this.#timer = setTimeout(() => this.#dueNow(), ms);
    this.#attend();
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due = Infinity;
  }

  /** Retries the connection, or gives up a host that has not answered. */
  #dueNow(): void {
    this.#clearTimer();
    const wire = this.#wire;
    if (wire === undefined) {
      if (this.#unsent.size > 0) this.#tryConnect();
      return;
    }
    if (this.#isLeaving) {
      this.#goneNow();
      return;
    }
    this.#apart();
    this.#failAll(
      new TimeoutError(
        `The host of the pool '${this.#name}' did not answer within ${answerMs / 1000} s. It may be stopped, or the machine ` +
          'overloaded: `multiproc ls` shows the pids of those who have the pool open',
      ),
    );
  }

  #message(bytes: Buffer): void {
    try {
      if (this.#script !== undefined) this.#prove(bytes);
      else this.#hear(deserialize(bytes) as [number, ...unknown[]]);
    } catch (error) {
      // A callback of the program threw: an uncaught error, but no outcome is lost for it.
      throwLater(error);
    }
  }

  #prove(bytes: Buffer): void {
    let step: IteratorResult<Buffer | undefined, void>;
    try {
      step = (this.#script as HandshakeScript).next(bytes);
      while (step.done !== true && step.value !== undefined) {
        this.#wire?.send(step.value);
        step = (this.#script as HandshakeScript).next(Buffer.alloc(0));
      }
    } catch (error) {
      if (!(error instanceof AuthenticationError)) throw error;
      this.#apart();
      this.#owner.failed(error);
      return;
    }
    if (step.done !== true) return;
    this.#script = undefined;
    this.#ask(Ask.join, process.pid);
  }

  #hear([kind, ...rest]: [number, ...unknown[]]): void {
    if (kind === Tell.outcome) this.#outcome(...(rest as OutcomeMessage));
    else if (kind === Tell.failed) this.#taskFailed(rest[0] as number, rest[1] as Uint8Array);
    else if (kind === Tell.welcome) this.#welcome(rest[0] as number, rest[1] as Uint8Array, rest[2] as CrewMember[]);
    else if (kind === Tell.crew) this.#crew = rest[0] as CrewMember[];
    else if (kind === Tell.lost) this.#workerLost(rest[0] as LostWorker);
    else if (kind === Tell.broken) this.#broken(rest[0] as Uint8Array);
  }

  #welcome(pid: number, board: Uint8Array, crew: readonly CrewMember[]): void {
    this.#clearTimer();
    this.#failures = 0;
    this.#hostPid = pid;
    this.#crew = crew;
    this.#closeBoard();
    const words = deserialize(bufferOf(board)) as BoardWords;
    this.#board = { words, view: new Board(words) };
    this.#isJoined = true;
    for (const id of this.#unsent) this.#send(id, this.#tasks.get(id) as Held);
    this.#unsent.clear();
    this.#attend();
  }

  /** Handles the end of the connection, and with it of the host. */
  #ended(): void {
    const wasJoined = this.#isJoined;
    const pid = this.#hostPid;
    this.#apart();
    if (this.#isLeaving) {
      this.#goneNow();
      return;
    }
    if (wasJoined) {
      getLogger().warning("the host of the pool '%s' (pid %d) has ended", this.#name, pid);
      // Its segments may have no other owner.
      sweepAfterKill();
      const lost = `The host of the pool '${this.#name}' (pid ${pid}) ended while it had the task; the next call starts a new one`;
      for (const [id, { task, packet }] of [...this.#tasks]) {
        if (packet !== undefined) continue;
        this.#drop(id);
        this.#settle(task, undefined, false, new WorkerLostError(lost, { pid: pid as number }), 0, 0);
      }
      this.#owner.moved();
      if (this.#unsent.size > 0) this.#tryConnect();
    } else {
      this.#failures++;
      if (this.#failures >= maxFailures) {
        this.#failures = 0;
        this.#failAll(
          new ProcessError(
            `The host of the pool '${this.#name}' ended ${maxFailures} times before it served: what it wrote to stderr says why`,
          ),
        );
      } else {
        this.#retry(Math.min(retryMs * 4 ** this.#failures, maxRetryMs));
      }
    }
    this.#attend();
  }

  /** Drops the connection. */
  #apart(): void {
    this.#clearTimer();
    this.#wire?.close();
    this.#wire = undefined;
    this.#script = undefined;
    this.#isJoined = false;
    this.#told.clear();
    this.#crew = [];
    this.#closeBoard();
  }

  #closeBoard(): void {
    this.#board?.view.close();
    this.#board = undefined;
  }

  // Tasks.

  #send(id: number, held: Held): void {
    const { task } = held;
    const { number, text, name } = task.fn;
    const isNew = !this.#told.has(number);
    this.#told.add(number);
    const limit = [task.application, task.timeout, task.interruptible, held.packet] as const;
    held.packet = undefined;
    this.#ask(Ask.task, id, number, isNew ? text : undefined, name, ...limit);
  }

  #ask(...message: readonly unknown[]): void {
    this.#wire?.send(serialize(message));
  }

  #outcome(id: number, ok: boolean, packet: Packet, pid: number | undefined, waited: number, ran: number): void {
    const held = this.#drop(id);
    if (held === undefined) {
      for (const part of packet.parts) discard(bufferOf(part));
      return;
    }
    const { task } = held;
    this.runTime.record(ran);
    this.waitTime.record(waited);
    const { numbers } = packet;
    if (numbers !== undefined) {
      task.numbers(numbers, 0, numbers.length);
      this.#settle(task, pid, true, undefined, waited, ran);
    } else {
      this.#makings.make(valuesOf(packet), this.#isBlocked, {
        made: (value) => this.#settle(task, pid, ok, value, waited, ran),
        failed: (error) => this.#settle(task, pid, false, error, waited, ran),
        stuck: (error) => task.stick(error),
      });
    }
    this.#owner.moved();
    this.#attend();
  }

  #taskFailed(id: number, bytes: Uint8Array): void {
    const held = this.#drop(id);
    if (held === undefined) return;
    const { task } = held;
    const settle = (error: unknown) => this.#settle(task, undefined, false, error, 0, 0);
    this.#makings.make(valuesOf(packetWith(bytes)), this.#isBlocked, { made: settle, failed: settle });
    this.#owner.moved();
    this.#attend();
  }

  #workerLost(worker: LostWorker): void {
    this.lost++;
    this.#owner.lost(worker);
  }

  #broken(bytes: Uint8Array): void {
    const fail = (error: unknown) => this.#owner.failed(error);
    this.#makings.make(valuesOf(packetWith(bytes)), this.#isBlocked, { made: fail, failed: fail });
  }

  /** Removes the task from this member. */
  #drop(id: number): Held | undefined {
    const held = this.#tasks.get(id);
    if (held === undefined) return undefined;
    this.#tasks.delete(id);
    this.#unsent.delete(id);
    this.#bytes -= held.size;
    if (held.packet !== undefined) for (const part of held.packet.parts) discard(bufferOf(part));
    return held;
  }

  #settle(task: PoolTask, pid: number | undefined, ok: boolean, value: unknown, waited: number, ran: number): void {
    if (task.over) return;
    task.over = true;
    if (ok) this.completed++;
    else this.failed++;
    this.#owner.finished(task, pid, ok, waited, ran);
    task.settle(ok, value);
  }

  #failAll(reason: unknown): void {
    for (const [id, { task }] of [...this.#tasks]) {
      this.#drop(id);
      this.#settle(task, undefined, false, reason, 0, 0);
    }
    this.#owner.moved();
    this.#attend();
  }

  // End.

  /** @param force terminates the workers that run this member's tasks */
  #leave(force: boolean): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    if (!this.#isJoined) {
      queueMicrotask(() => this.#goneNow());
      return;
    }
    // The host answers its last member when all of the pool has ended.
    this.#ask(Ask.leave, force);
    this.#setTimer(this.#grace + 5000);
  }

  #goneNow(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#letGo();
    this.#owner.gone();
  }

  #letGo(): void {
    this.#apart();
    this.#rendezvous.close();
    if (this.#made !== undefined && isKeeping(this.#made)) discard(this.#made);
  }

  /** Keeps the program alive while outcomes or the end of the pool are waited for. */
  #attend(): void {
    const keep = this.unfinished > 0 || (this.#isHeld && !this.#isGone);
    this.#wire?.reference(keep);
    if (keep) this.#timer?.ref();
    else this.#timer?.unref();
  }
}

type OutcomeMessage = [id: number, ok: boolean, packet: Packet, pid: number | undefined, waited: number, ran: number];

const sleeper = new Int32Array(new SharedArrayBuffer(4));

function packetWith(bytes: Uint8Array): Packet {
  return { packing: 0, parts: [bytes], keeping: [], numbers: undefined };
}

/**
 * Returns the descriptor of a connection; `'busy'` if the kernel's queue of clients is full, `'nobody'` without a
 * listener.
 */
function tryConnect(address: string): number | 'busy' | 'nobody' {
  try {
    const begun = native.socketConnect(true, address, 0);
    return begun === null ? 'busy' : begun[0];
  } catch (error) {
    if (error instanceof SystemError && error.code === 'ECONNREFUSED') return 'nobody';
    throw error;
  }
}
