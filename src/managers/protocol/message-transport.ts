/**
 * One side of the conversation between a client and a server: frames out, messages in, over whatever channel.
 *
 * Frames that are written in one turn of the event loop leave together, unless there are many. After something came, and
 * while an answer is due, the thread looks for more for a moment, and only then sleeps.
 */
import { now } from '../../deadline.js';
import type { Channel, Sending } from '../../messaging/channel.js';
import type { Notice } from '../../messaging/waitable.js';
import { nextTick } from '../../timing.js';
import { type Looker, lookAway, lookHere, lookOut, Next } from './event-loop-poller.js';
import { FrameWriter } from './frame-encoder.js';

/** How long to look, in ms. */
const lookMs = 0.1;
/** So many looks in vain, and it is done only every sixteenth time. */
const mostPatience = 4;
/** A message of more bytes than this leaves at once. In memory that costs little, and the other side begins sooner. */
const fullMessage = { inMemory: 1024, bySocket: 32 * 1024 };
/** A longer one may leave in parts. */
const wholeMessage = 32 * 1024;
/** While the other side has no room for us, it may itself wait for us to read. */
const turnMs = 2;
/** So many messages are read before others get a turn. */
const mostAtOnce = 64;

/** Who talks. */
export interface Talker {
  /** A message came. The bytes change with the next one. */
  receive(message: Buffer): void;
  /** Nothing will come any more, and nothing can be sent. */
  end(reason: unknown): void;
  readonly interest: Interest;
  /** Something has left: who had too much to say may listen again. */
  relieved?(): void;
}

/** Whether messages are to be read now, and whether waiting for them keeps the program alive. */
export const Interest = { none: 0, quiet: 1, keen: 2 } as const;
export type Interest = (typeof Interest)[keyof typeof Interest];

export interface TalkOptions {
  /** Whether the channel is a pipe in shared memory: its answers are quick enough to look for them. */
  readonly inMemory: boolean;
  /** The longest message to read, in bytes. */
  readonly most: number;
  /** What is written already. */
  readonly out?: FrameWriter;
}

export class Talk implements Looker {
  readonly out: FrameWriter;
  readonly pipe: readonly number[];
  readonly #channel: Channel;
  readonly #talker: Talker;
  readonly #inMemory: boolean;
  readonly #most: number;
  readonly #full: number;
  #sending: Sending | undefined;
  #sendingSize = 0;
  #room: Notice | undefined;
  #arrival: Notice | undefined;
  #scheduled = false;
  #looking = false;
  #lookUntil = 0;
  #misses = 0;
  #closed = false;

  constructor(channel: Channel, talker: Talker, { inMemory, most, out = new FrameWriter() }: TalkOptions) {
    this.out = out;
    this.#channel = channel;
    this.#talker = talker;
    this.#inMemory = inMemory;
    this.#most = most;
    this.#full = inMemory ? fullMessage.inMemory : fullMessage.bySocket;
    this.pipe = typeof channel.asleep === 'number' ? [] : channel.asleep.slice(1, 4);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes that wait to leave. */
  get backlog(): number {
    return this.out.length + this.#sendingSize;
  }

  /** Whether so much is written that it should leave. */
  get isFull(): boolean {
    return this.out.length > this.#full;
  }

  /** What was written leaves at the end of this turn, or now if it is much. */
  schedule(): void {
    if (this.isFull) {
      this.flush();
      return;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    nextTick(this.#flushScheduled);
  }

  /** What was written leaves as far as there is room. */
  flush(): void {
    try {
      while (!this.#closed && this.#advance()) {}
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#sending === undefined || this.#room !== undefined || this.#closed) return;
    this.#room = this.#channel.onRoom(() => {
      this.#room = undefined;
      this.flush();
      this.#relieve();
    });
    this.#room.reference(true);
  }

  /** The same, blocking the thread. What comes meanwhile is read: the other side may have to get rid of it first. */
  flushSync(): void {
    try {
      while (!this.#closed && (this.#sending !== undefined || this.out.length > 0)) {
        if (this.#advance()) continue;
        this.#readAll();
        if (this.#sending?.advanceSync(now() + turnMs)) this.#sent();
      }
    } catch (error) {
      this.#fail(error);
    }
    if (this.#sending === undefined) this.#forgetRoom();
  }

  /** Reads messages as they come, for as long as there is an interest. */
  watch(): void {
    if (this.#closed || this.#looking) return;
    if (this.#arrival !== undefined) {
      this.review();
    } else if (this.#isPatient()) {
      this.#looking = true;
      this.#lookUntil = now() + lookMs;
      lookOut(this);
    } else {
      this.#sleep();
    }
  }

  /** Blocks until a message was read, or the end came. False when the deadline has passed. */
  readSync(deadline: number): boolean {
    try {
      const message = this.#channel.take(this.#most) ?? this.#takeSync(deadline);
      if (message === undefined) return false;
      this.#talker.receive(message);
    } catch (error) {
      this.#fail(error);
    }
    return true;
  }

  /** Whether there is something to read, or the end: what is read between two calls. */
  hear(): void {
    try {
      while (!this.#closed && this.#channel.arrived()) {
        const message = this.#channel.take(this.#most);
        if (message === undefined) return;
        this.#talker.receive(message);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** What is expected may have changed. */
  review(): void {
    this.#arrival?.reference(this.#talker.interest === Interest.keen);
  }

  /** Does what belongs to the conversation, which is over if that fails. */
  attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#fail(error);
    }
  }

  look(): Next {
    const found = this.#readAll();
    const over = this.#closed || this.#talker.interest === Interest.none;
    if (found) {
      this.#misses = 0;
      this.#lookUntil = now() + lookMs;
      if (!over) return Next.more;
    } else if (!over && now() < this.#lookUntil) {
      return Next.wait;
    }
    this.#looking = false;
    if (!over) {
      this.#misses++;
      this.#sleep();
    }
    return Next.stop;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forgetRoom();
    this.#arrival?.cancel();
    this.#arrival = undefined;
    lookAway(this);
    this.#channel.close();
  }

  /** In the child of a fork: the conversation is the parent's. The notices are forgotten already. */
  abandon(): void {
    this.#closed = true;
    this.#channel.close();
  }

  readonly #flushScheduled = (): void => {
    this.#scheduled = false;
    this.flush();
    if (this.#arrival === undefined && !this.#looking) this.#relieve();
  };

  #relieve(): void {
    this.#talker.relieved?.();
    if (this.#talker.interest !== Interest.none) this.watch();
  }

  #sleep(): void {
    try {
      this.#arrival = this.#channel.onArrival(this.#wake);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.review();
  }

  readonly #wake = (): void => {
    this.#arrival = undefined;
    this.#readAll();
    if (this.#talker.interest !== Interest.none) this.watch();
  };

  /** Reads what is there, as far as it is wanted. Whether there was anything. */
  #readAll(): boolean {
    let count = 0;
    try {
      while (count < mostAtOnce && this.#talker.interest !== Interest.none) {
        const message = this.#channel.take(this.#most);
        if (message === undefined) break;
        count++;
        this.#talker.receive(message);
      }
    } catch (error) {
      this.#fail(error);
    }
    return count > 0;
  }

  #takeSync(deadline: number): Buffer | undefined {
    if (this.#isPatient()) {
      if (lookHere(this)) this.#misses = 0;
      else this.#misses++;
    }
    return this.#channel.takeSync(this.#most, deadline);
  }

  /** Whether to look before sleeping. */
  #isPatient(): boolean {
    return this.#inMemory && (this.#misses < mostPatience || ++this.#misses % 16 === 0);
  }

  /** Sends on. False if there is nothing, or no room. */
  #advance(): boolean {
    if (this.#sending !== undefined) {
      if (this.#sending.advance() !== true) return false;
      this.#sent();
    }
    if (this.out.length === 0) return false;
    const { part } = this.out;
    if (part.length < wholeMessage && this.#channel.sendAtOnce(part)) {
      this.out.clear();
      return true;
    }
    const sending = this.#channel.send(part);
    if (sending.advance() === true) {
      this.out.clear();
      return true;
    }
    this.#sending = sending;
    this.#sendingSize = part.length;
    this.out.detach();
    return false;
  }

  #sent(): void {
    this.#sending = undefined;
    this.#sendingSize = 0;
  }

  #forgetRoom(): void {
    this.#room?.cancel();
    this.#room = undefined;
  }

  #fail(reason: unknown): void {
    if (this.#closed) return;
    this.close();
    this.#talker.end(reason);
  }
}
