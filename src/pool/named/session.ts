/** One member of a named pool at the host: passes its tasks to the workers, and their outcomes back. */
import type { SocketChannel } from '../../messaging/socket-channel.js';
import { deserialize, discard, serialize } from '../../serialize/codec.js';
import { Later } from '../../serialize/records.js';
import { Interrupt } from '../board.js';
import type { LostWorker } from '../engine.js';
import type { PoolFunction } from '../functions.js';
import type { OwnWorkers } from '../own-workers.js';
import { dropPayload, Packing } from '../payload.js';
import { PoolTask, type RawOutcome, type TaskOptions } from '../task.js';
import type { Application } from '../task-record.js';
import { readableError } from '../thrown.js';
import { Ask, bufferOf, type Packet, packetOf, payloadOf, Tell } from './protocol.js';
import { Wire } from './wire.js';

/** The interface of the host that a session calls. */
export interface SessionOwner {
  /** The workers, once they were started. */
  readonly workers: Promise<OwnWorkers>;
  /** Called when the member has left and its tasks were cancelled. */
  left(session: Session): void;
}

export class Session {
  readonly #owner: SessionOwner;
  readonly #wire: Wire;
  readonly #tasks = new Map<number, RelayedTask>();
  readonly #functions = new Map<number, PoolFunction>();
  #workers: OwnWorkers | undefined;
  #hasLeft = false;

  constructor(channel: SocketChannel, owner: SessionOwner) {
    this.#owner = owner;
    this.#wire = new Wire(channel, { message: (bytes) => this.#message(bytes), ended: () => this.#leave(true) });
    this.#wire.reference(true);
    this.#wire.open();
  }

  /** Closes the connection, which notifies the member of the end of its share or of the host. */
  close(): void {
    this.#wire.close();
  }

  tell(...message: readonly unknown[]): void {
    if (!this.#hasLeft) this.#wire.send(serialize(message));
  }

  crew(): void {
    if (this.#workers !== undefined) this.tell(Tell.crew, this.#workers.crew());
  }

  lost(worker: LostWorker): void {
    this.tell(Tell.lost, worker);
  }

  /** Reports that there will be no workers. */
  broken(error: unknown): void {
    this.#tasks.clear();
    this.tell(Tell.broken, bytesOfError(error));
  }

  outcome(task: RelayedTask, { ok, values, row, waited, ran }: RawOutcome): void {
    this.#tasks.delete(task.id);
    if (this.#hasLeft) {
      drop(values);
      return;
    }
    const pid = this.#workers?.crew().find((each) => each.row === row)?.pid;
    const { taken } = task;
    const packet: Packet =
      taken === undefined
        ? packetOf({ packing: Packing.values, values, from: 0, to: values.length, units: 0 }, () => false)
        : { packing: Packing.doubles, parts: [], keeping: [], numbers: taken };
    this.tell(Tell.outcome, task.id, ok, packet, pid, waited, ran);
  }

  failed(task: RelayedTask, error: unknown): void {
    if (this.#tasks.delete(task.id)) this.tell(Tell.failed, task.id, bytesOfError(error));
  }

  #message(bytes: Buffer): void {
    const [kind, ...rest] = deserialize(bytes) as [number, ...unknown[]];
    if (kind === Ask.task) this.#take(rest as TaskMessage);
    else if (kind === Ask.giveUp) this.#giveUp(...(rest as [number, Interrupt]));
    else if (kind === Ask.join) void this.#join();
    else if (kind === Ask.leave) this.#leave(rest[0] === true);
  }

  async #join(): Promise<void> {
    try {
      const workers = await this.#owner.workers;
      if (this.#hasLeft) return;
      this.#workers = workers;
      this.tell(Tell.welcome, process.pid, serialize(workers.board), workers.crew());
    } catch {
      // The host has reported the reason.
    }
  }

  #take([id, number, text, name, application, timeout, interruptible, packet]: TaskMessage): void {
    const workers = this.#workers as OwnWorkers;
    const payload = payloadOf(packet);
    let fn = this.#functions.get(number);
    if (fn === undefined) {
      fn = workers.functions.described(bufferOf(text as Uint8Array), name);
      this.#functions.set(number, fn);
    }
    const task = new RelayedTask(this, id, { fn, application, timeout, interruptible });
    this.#tasks.set(id, task);
    try {
      workers.submit(task, payload);
    } catch (error) {
      this.failed(task, error);
    }
  }

  #giveUp(id: number, why: Interrupt): void {
    const task = this.#tasks.get(id);
    if (task === undefined) return;
    this.#tasks.delete(id);
    this.#workers?.giveUp(task, why, undefined);
  }

  /** @param force terminates the workers that run the member's tasks */
  #leave(force: boolean): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    for (const task of this.#tasks.values()) this.#workers?.giveUp(task, Interrupt.aborted, undefined, force);
    this.#tasks.clear();
    this.#owner.left(this);
  }
}

type TaskMessage = [
  id: number,
  fn: number,
  text: Uint8Array | undefined,
  name: string,
  application: Application,
  timeout: number,
  interruptible: boolean,
  packet: Packet,
];

/** A task whose arguments and result stay bytes in this process. */
class RelayedTask extends PoolTask {
  readonly id: number;
  readonly #session: Session;
  /** The results of a chunk of numbers. */
  taken: Int32Array | Float64Array | undefined;

  constructor(session: Session, id: number, options: TaskOptions) {
    super(options);
    this.#session = session;
    this.id = id;
  }

  override numbers(numbers: Int32Array | Float64Array, at: number, count: number): void {
    this.taken = numbers.slice(at, at + count);
  }

  override relay(outcome: RawOutcome): void {
    this.#session.outcome(this, outcome);
  }

  settle(_ok: boolean, error: unknown): void {
    if (this.payload !== undefined) dropPayload(this.payload);
    this.#session.failed(this, error);
  }
}

function drop(values: readonly unknown[]): void {
  for (const value of values) if (value instanceof Later) discard(value.bytes);
}

function bytesOfError(error: unknown): Buffer {
  try {
    return serialize(error);
  } catch {
    return serialize(readableError(error));
  }
}
