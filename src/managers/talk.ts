/**
 * One side of the conversation between a client and a server: frames out, messages in, over whatever channel.
 *
 * Frames that are written in one turn of the event loop leave as one message. After something came, and while an answer is
 * due, the thread looks for more in every turn of its loop for a moment, and only then sleeps: an answer within this machine
 * takes less time than to be woken for it.
 */
import { now } from '../deadline.js';
import type { Channel, Sending } from '../messaging/channel.js';
import type { Notice } from '../messaging/waitable.js';
import { FrameWriter } from './frames.js';

/** How long to look, in ms. */
const lookMs = 0.1;
/** So many looks in vain, and it is done only every sixteenth time. */
const mostPatience = 4;
/** A message of more bytes than this leaves at once. */
const fullMessage = 32 * 1024;
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
}

/** Whether messages are to be read now, and whether waiting for them keeps the program alive. */
export const Interest = { none: 0, quiet: 1, keen: 2 } as const;
export type Interest = (typeof Interest)[keyof typeof Interest];

export class Talk {
  readonly out: FrameWriter;
  readonly #channel: Channel;
  readonly #talker: Talker;
  readonly #looks: boolean;
  /** The longest message to read, in bytes. */
  readonly #most: number;
  #sending: Sending | undefined;
  #sendingSize = 0;
  #room: Notice | undefined;
  #arrival: Notice | undefined;
  #scheduled = false;
  #looking = false;
  #lookUntil = 0;
  #misses = 0;
  #closed = false;

  /**
   * @param looks whether answers are quick enough to look for them
   * @param out what is written already
   */
  constructor(
    channel: Channel,
    talker: Talker,
    { looks, most, out = new FrameWriter() }: { looks: boolean; most: number; out?: FrameWriter },
  ) {
    this.out = out;
    this.#channel = channel;
    this.#talker = talker;
    this.#looks = looks;
    this.#most = most;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes that wait to leave. */
  get backlog(): number {
    return this.out.length + this.#sendingSize;
  }

  /** What was written leaves at the end of this turn. */
  schedule(): void {
    if (this.out.length > fullMessage) {
      this.flush();
      return;
    }
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(this.#flushScheduled);
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
      // Who had too much to say may listen again.
      this.watch();
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
    } else if (this.#looks && (this.#misses < mostPatience || ++this.#misses % 16 === 0)) {
      this.#startLooking();
      setImmediate(this.#look);
    } else {
      this.#sleep();
    }
  }

  /** Blocks until a message was read, or the end came. False when the deadline has passed. */
  readSync(deadline: number): boolean {
    try {
      const message = this.#channel.takeSync(this.#most, deadline);
      if (message === undefined) return false;
      this.#talker.receive(message);
    } catch (error) {
      this.#fail(error);
    }
    return true;
  }

  /** What is expected may have changed. */
  review(): void {
    this.#arrival?.reference(this.#talker.interest === Interest.keen);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forgetRoom();
    this.#arrival?.cancel();
    this.#arrival = undefined;
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
  };

  readonly #look = (): void => {
    if (this.#closed) return;
    const found = this.#readAll();
    if (this.#closed) return;
    if (found) {
      this.#misses = 0;
      this.#lookUntil = now() + lookMs;
    }
    if (this.#talker.interest === Interest.none) {
      this.#looking = false;
    } else if (found || now() < this.#lookUntil) {
      setImmediate(this.#look);
    } else {
      this.#looking = false;
      this.#misses++;
      this.#sleep();
    }
  };

  #startLooking(): void {
    this.#looking = true;
    this.#lookUntil = now() + lookMs;
  }

  #sleep(): void {
    try {
      this.#arrival = this.#channel.onArrival(() => {
        this.#arrival = undefined;
        this.#wake();
      });
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.review();
  }

  #wake(): void {
    if (this.#looks) {
      this.#startLooking();
      this.#look();
      return;
    }
    this.#readAll();
    if (!this.#closed && this.#talker.interest !== Interest.none) this.#sleep();
  }

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

  /** Sends on. False if there is nothing, or no room. */
  #advance(): boolean {
    if (this.#sending !== undefined) {
      if (this.#sending.advance() !== true) return false;
      this.#sent();
    }
    if (this.out.length === 0) return false;
    const sending = this.#channel.send(this.out.written);
    if (sending.advance() === true) {
      this.out.clear();
      return true;
    }
    this.#sending = sending;
    this.#sendingSize = this.out.length;
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
