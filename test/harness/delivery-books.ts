/**
 * The books about the messages of a joinable queue whose consumers are killed: what each delivery did, in shared memory.
 *
 * A consumer has three messages open at a time. It books each delivery, works, books the work, and then acknowledges the
 * message, gives it back, gives it up, or exceeds its lease; some messages kill whichever consumer takes them. Each message
 * must in the end be acknowledged exactly once, or be a dead letter; and its attempts are as many as it had deliveries.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { JoinableQueue, LeaseExpiredError, Queue, SharedArray, type TakenMessage } from 'multiproc';

export const tasks = 3;
export const maxAttempts = 6;
const lease = 400;

type Words = Int32Array & { close(): void };

/** Words of `state`. */
const stop = 0;
const progress = 1;
const fault = 2;
const expired = 3;

const faults = [
  'none',
  'a value is torn',
  'attempts are too few',
  'attempts are too many',
  'it came after done()',
  'done() of what is not open',
];

/** Every kind of record. */
function valueFor(i: number): unknown {
  if (i % 4 === 0) return i;
  if (i % 4 === 1) return { i, text: 'x'.repeat(i % 300) };
  return i % 4 === 2 ? `${i};`.padEnd((i * 7) % 2000) : Buffer.from(`${i};`.padEnd(20 + ((i * 31) % 9000)));
}

function indexOf(value: unknown): number {
  if (typeof value === 'number') return value;
  const i =
    typeof value === 'object' && value !== null && 'i' in value ? Number(value.i) : Number.parseInt(String(value), 10);
  return JSON.stringify(valueFor(i)) === JSON.stringify(value) ? i : -1;
}

/** Whether the lease has not ended: a consumer may be stalled between a delivery and its booking for longer than the lease. */
function isStillOpen(message: TakenMessage): boolean {
  try {
    message.extend();
    return true;
  } catch (error) {
    if (error instanceof LeaseExpiredError) return false;
    throw error;
  }
}

export class DeliveryBooks {
  readonly queue: JoinableQueue;
  readonly deadLetters: Queue | undefined;
  readonly #state: Words;
  /** For each message: deliveries booked, works booked, acknowledgements booked, the largest number of attempts seen. */
  readonly #seen: Words;
  readonly #worked: Words;
  readonly #acknowledged: Words;
  readonly #attempts: Words;

  constructor(
    name: string,
    readonly messages: number,
    ownDeadLetters: boolean,
  ) {
    const deadLetter = ownDeadLetters ? `${name}dead` : undefined;
    this.queue = new JoinableQueue(0, { name: `${name}queue`, redeliver: true, maxAttempts, lease, deadLetter });
    this.deadLetters = deadLetter === undefined ? undefined : new Queue(0, { name: deadLetter });
    const words = (title: string, length: number) =>
      new SharedArray('i', length, { name: `${name}${title}`, lock: false }) as unknown as Words;
    this.#state = words('state', 8);
    this.#seen = words('seen', messages);
    this.#worked = words('worked', messages);
    this.#acknowledged = words('acknowledged', messages);
    this.#attempts = words('attempts', messages);
  }

  get progress(): number {
    return Atomics.load(this.#state, progress);
  }

  get stopped(): boolean {
    return Atomics.load(this.#state, stop) !== 0;
  }

  stop(): void {
    Atomics.store(this.#state, stop, 1);
  }

  get fault(): string | undefined {
    const number = Atomics.load(this.#state, fault);
    return number === 0 ? undefined : faults[number];
  }

  putAll(): void {
    this.queue.putManySync(Array.from({ length: this.messages }, (_, i) => valueFor(i)));
  }

  /** What a consumer does until it is told to stop: three tasks at a time. `form`: how it takes. */
  async consume(form: number, random: () => number): Promise<void> {
    const task = async () => {
      while (!this.stopped) {
        for (const message of await this.#take(form)) await this.#deal(message, random);
      }
    };
    await Promise.all(Array.from({ length: tasks }, task));
  }

  async #take(form: number): Promise<TakenMessage[]> {
    const { queue } = this;
    if (form === 0) return queue.takeMany(1, 5);
    if (form === 1) {
      const message = queue.tryTake();
      if (message === undefined) await sleep(1);
      return message === undefined ? [] : [message];
    }
    // Two with one call: six are open at a time.
    return form === 2 ? queue.takeMany(2, 5) : queue.takeManySync(1, 5);
  }

  async #deal(message: TakenMessage, random: () => number): Promise<void> {
    const i = indexOf(message.value);
    if (!(i >= 0 && i < this.messages)) return this.#report(1);
    if (Atomics.load(this.#acknowledged, i) !== 0 && isStillOpen(message)) return this.#report(4);
    const before = Atomics.add(this.#seen, i, 1);
    if (message.attempts < before + 1 && isStillOpen(message)) this.#report(2);
    if (message.attempts > maxAttempts) this.#report(3);
    for (let most = Atomics.load(this.#attempts, i); most < message.attempts; most = Atomics.load(this.#attempts, i)) {
      Atomics.compareExchange(this.#attempts, i, most, message.attempts);
    }
    if (i % 211 === 7) process.kill(process.pid, 'SIGKILL');
    const choice = random();
    if (choice < 0.3) await sleep(random() * 3);
    try {
      if (choice > 0.99) {
        // It exceeds its lease, and what it says then is refused.
        await sleep(lease + 5);
        message.done();
        this.#report(5);
      } else if (choice > 0.9) message.retry({ delay: Math.floor(random() * 20) });
      else if (choice > 0.75) message.retry();
      else if (choice > 0.73) message.fail(new Error(`given up: ${i}`));
      else {
        if (choice > 0.7) message.extend();
        Atomics.add(this.#worked, i, 1);
        message.done();
        if (Atomics.add(this.#acknowledged, i, 1) !== 0) this.#report(4);
      }
    } catch (error) {
      if (!(error instanceof LeaseExpiredError)) throw error;
      Atomics.add(this.#state, expired, 1);
    }
    Atomics.add(this.#state, progress, 1);
  }

  #report(number: number): void {
    Atomics.compareExchange(this.#state, fault, 0, number);
  }

  /** What became of all messages. Precondition: all are done, or dead letters. */
  check(): Record<string, number> {
    const dead = new Uint8Array(this.messages);
    for (let value = this.deadLetters?.tryGet(); value !== undefined; value = this.deadLetters?.tryGet()) {
      const i = indexOf(value);
      dead[i] = (dead[i] as number) + 1;
    }
    for (const letter of this.queue.deadLetters()) {
      const i = indexOf(letter.value);
      dead[i] = (dead[i] as number) + 1;
      letter.discard();
    }
    const sum = {
      done: 0,
      dead: 0,
      lost: 0,
      both: 0,
      deadTwice: 0,
      workedTwice: 0,
      deliveries: 0,
      unbooked: 0,
      notDead: 0,
    };
    for (let i = 0; i < this.messages; i++) {
      const worked = this.#worked[i] as number;
      const isDead = (dead[i] as number) > 0;
      // A consumer may be killed between done() and its booking.
      const isDone = worked > 0 && !isDead;
      if (isDone) sum.done++;
      if (isDead) sum.dead++;
      if (!isDone && !isDead) sum.lost++;
      if (isDead && (this.#acknowledged[i] as number) > 0) sum.both++;
      if ((dead[i] as number) > 1) sum.deadTwice++;
      if (worked > 1) sum.workedTwice++;
      if (i % 211 === 7 && !isDead) sum.notDead++;
      sum.deliveries += this.#attempts[i] as number;
      sum.unbooked += Math.max((this.#attempts[i] as number) - (this.#seen[i] as number), 0);
    }
    return { ...sum, expired: Atomics.load(this.#state, expired) };
  }

  close(): void {
    for (const each of [this.queue, this.#state, this.#seen, this.#worked, this.#acknowledged, this.#attempts])
      each.close();
    this.deadLetters?.close();
  }
}
