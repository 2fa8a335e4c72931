/**
 * How a client reaches a server: it connects, both prove that they know the key, and a client on the same machine is
 * given a pipe in shared memory.
 *
 * The steps are one script, which is taken on by the event loop, or by blocking the thread, whoever is in more of a hurry.
 */
import { lookup } from 'node:dns/promises';
import { now, timerMs } from '../../deadline.js';
import { AuthenticationError, EOFError, MultiprocError, SystemError, TimeoutError } from '../../errors.js';
import { onReadable, onWritable } from '../../lifecycle/readiness.js';
import { type Address, isHostName, parseAddress, writeAddress } from '../../messaging/address.js';
import { judge } from '../../messaging/authentication.js';
import type { Channel } from '../../messaging/channel.js';
import { clientFacts } from '../../messaging/channel-claim.js';
import { Connection } from '../../messaging/connection.js';
import { clientHandshake, maxHandshakeBytes } from '../../messaging/handshake.js';
import { isSameUser } from '../../messaging/peer-user.js';
import { SocketChannel } from '../../messaging/socket-channel.js';
import type { Notice } from '../../messaging/waitable.js';
import { FdEvents, native } from '../../native.js';
import { within } from '../../serialize/afar.js';
import { deserialize } from '../../serialize/codec.js';
import { clearTimeout, setTimeout } from '../../timing.js';
import { byMemory, byStream, greeting, type Welcome } from '../protocol/handshake.js';

/** What was reached. */
export interface Line {
  readonly channel: Channel;
  /** Whether the server is on another machine, or of another user. */
  readonly isAfar: boolean;
  /** Through shared memory. */
  readonly inMemory: boolean;
  /** Bytes of the longest message that the server reads. */
  readonly largest: number;
  /** Which server it is. */
  readonly server: string;
}

/** What the script waits for. */
type Need =
  | { readonly kind: 'message'; readonly channel: SocketChannel; readonly most: number }
  | { readonly kind: 'room'; readonly descriptor: number }
  | { readonly kind: 'address'; readonly host: string }
  | { readonly kind: 'pause' };

/** Between two attempts at a listener that has no room for another connection. */
const pauseMs = 10;
const mostWelcome = 64 * 1024;
/** What the server says of itself names no code and no memory. */
const nothingNamed = { modules: new Set<string>(), attaches: false };

export class Dial {
  readonly #script: Generator<Need, Line, unknown>;
  readonly #done: (line: Line | undefined, error: unknown) => void;
  readonly #deadline: number;
  #need: Need | undefined;
  #notice: Notice | undefined;
  #timer: NodeJS.Timeout | undefined;
  #kept = false;
  #settled = false;

  /**
   * Begins.
   *
   * @param timeout how long all of it may take, in ms
   * @param done is called once
   */
  constructor(address: Address, key: Buffer, timeout: number, done: (line: Line | undefined, error: unknown) => void) {
    this.#script = script(address, key);
    this.#done = done;
    this.#deadline = now() + timeout;
    if (timeout !== Infinity) {
      this.#setTimer(address);
      this.#timer?.unref();
    }
    this.#take(() => this.#script.next());
    this.#await();
  }

  /** Whether it keeps the program alive. */
  reference(keep: boolean): void {
    this.#kept = keep;
    this.#notice?.reference(keep);
    if (keep) this.#timer?.ref();
    else this.#timer?.unref();
  }

  /** Goes on to its end, blocking the thread. */
  finishSync(): void {
    this.#rest();
    while (!this.#settled) {
      const need = this.#need as Need;
      if (now() >= this.#deadline)
        this.#take(() => this.#throw(new TimeoutError('The manager did not answer in time')));
      else if (need.kind === 'message') this.#receive(need, this.#deadline);
      else this.#satisfy(need);
    }
  }

  /** Gives up. */
  cancel(reason: unknown): void {
    if (!this.#settled) this.#take(() => this.#throw(reason));
  }

  #setTimer(address: Address): void {
    const left = this.#deadline - now();
    const expire = () => {
      if (now() < this.#deadline) {
        this.#setTimer(address);
        this.reference(this.#kept);
      } else {
        this.#take(() => this.#throw(late(address)));
      }
    };
    this.#timer = setTimeout(expire, timerMs(left));
  }

  #satisfy(need: Exclude<Need, { kind: 'message' }>): void {
    if (need.kind === 'room') {
      const room = native.fdPoll(Int32Array.of(need.descriptor, FdEvents.writable, 0), this.#deadline) > 0;
      if (room) this.#take(() => this.#script.next());
    } else if (need.kind === 'address') {
      this.#take(() => this.#script.next(native.socketResolve(need.host)));
    } else {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
      this.#take(() => this.#script.next());
    }
  }

  /** Has the event loop bring what is needed. */
  #await(): void {
    for (;;) {
      const need = this.#need;
      if (this.#settled || need === undefined) return;
      if (need.kind === 'message' && this.#receive(need, 0)) continue;
      this.#notice = this.#ask(need, (answer) => {
        if (this.#need !== need || this.#settled) return;
        this.#notice = undefined;
        if (need.kind !== 'message') this.#take(() => (answer === undefined ? this.#script.next() : answer()));
        this.#await();
      });
      this.#notice.reference(this.#kept);
      return;
    }
  }

  #ask(need: Need, tell: (answer?: () => IteratorResult<Need, Line>) => void): Notice {
    if (need.kind === 'message') return onReadable(need.channel.descriptor, tell);
    if (need.kind === 'room') return onWritable(need.descriptor, tell);
    if (need.kind === 'pause') return timed(tell);
    lookup(need.host, { all: true }).then(
      // As listeners do, the first IPv4 address before others.
      (found) => {
        const best = found.find(({ family }) => family === 4) ?? found[0];
        tell(() => this.#script.next(best?.address ?? need.host));
      },
      (error) => tell(() => this.#throw(error)),
    );
    return { reference() {}, cancel() {} };
  }

  /** Gives the script the next message. False if there is none. */
  #receive({ channel, most }: Need & { kind: 'message' }, deadline: number): boolean {
    let message: Buffer | undefined;
    try {
      message = channel.takeSync(most, deadline);
    } catch (error) {
      this.#take(() => this.#throw(error));
      return true;
    }
    if (message === undefined) return false;
    this.#take(() => this.#script.next(message));
    return true;
  }

  #take(step: () => IteratorResult<Need, Line>): void {
    if (this.#settled) return;
    let result: IteratorResult<Need, Line>;
    try {
      result = step();
    } catch (error) {
      this.#settle(undefined, error);
      return;
    }
    if (result.done === true) this.#settle(result.value, undefined);
    else this.#need = result.value;
  }

  #throw(reason: unknown): IteratorResult<Need, Line> {
    return this.#script.throw(reason);
  }

  #settle(line: Line | undefined, error: unknown): void {
    this.#settled = true;
    this.#need = undefined;
    this.#rest();
    clearTimeout(this.#timer);
    this.#done(line, error);
  }

  #rest(): void {
    this.#notice?.cancel();
    this.#notice = undefined;
  }
}

function* script(address: Address, key: Buffer): Generator<Need, Line, unknown> {
  const target = parseAddress(address);
  const text = isHostName(target) ? ((yield { kind: 'address', host: target.text }) as string) : target.text;
  const channel = yield* connecting(target.local, text, target.port, writeAddress(target));
  try {
    yield* proving(channel, target.local, key);
    return yield* agreeing(channel, isSameUser(channel.descriptor));
  } catch (error) {
    channel.close();
    throw error;
  }
}

function* connecting(
  local: boolean,
  text: string,
  port: number,
  name: string,
): Generator<Need, SocketChannel, unknown> {
  for (;;) {
    const begun = native.socketConnect(local, text, port);
    if (begun === null) {
      yield { kind: 'pause' };
      continue;
    }
    const [descriptor, connected] = begun;
    const channel = new SocketChannel(descriptor);
    if (connected) return channel;
    try {
      yield { kind: 'room', descriptor };
      native.socketFinish(descriptor, name);
      return channel;
    } catch (error) {
      channel.close();
      throw error;
    }
  }
}

function* proving(channel: SocketChannel, local: boolean, key: Buffer): Generator<Need, void, unknown> {
  const facts = clientFacts(channel.descriptor, local);
  const proof = clientHandshake({ key, purpose: 'manager', python: false, facts });
  let heard = false;
  try {
    let step = proof.next();
    while (step.done !== true) {
      if (step.value !== undefined) {
        send(channel, step.value);
        step = proof.next(undefined as never);
      } else {
        const message = (yield { kind: 'message', channel, most: maxHandshakeBytes }) as Buffer;
        heard = true;
        step = proof.next(message);
      }
    }
  } catch (error) {
    // Who says nothing at all is about to end, rather than somebody else.
    throw heard ? judge(error) : error;
  }
}

function* agreeing(channel: SocketChannel, local: boolean): Generator<Need, Line, unknown> {
  send(channel, greeting(local));
  let welcome: Welcome;
  try {
    const message = (yield { kind: 'message', channel, most: mostWelcome }) as Buffer;
    welcome = within(nothingNamed, () => deserialize(message)) as Welcome;
  } catch (cause) {
    if (!(cause instanceof MultiprocError) || cause instanceof TimeoutError) throw cause;
    const reason = cause instanceof EOFError ? 'it closed the connection' : cause.message;
    throw new AuthenticationError(`What was reached is no manager of this version, or has no room: ${reason}`, {
      cause,
    });
  }
  const { largest, pipe, server } = welcome;
  const isAfar = !local;
  if (pipe === undefined || isAfar) return { channel, isAfar, inMemory: false, largest, server };
  const memory = attach(pipe);
  try {
    send(channel, memory === undefined ? byStream : byMemory);
    if (memory === undefined) return { channel, isAfar, inMemory: false, largest, server };
    // The server lets go of its copy of our end before it says so: then our end is known to be ours alone.
    yield { kind: 'message', channel, most: maxHandshakeBytes };
  } catch (error) {
    memory?.close();
    throw error;
  }
  channel.close();
  return { channel: memory, isAfar, inMemory: true, largest, server };
}

/** `undefined` where this process cannot have the server's shared memory: in another container, for example. */
function attach(pipe: Buffer): Channel | undefined {
  try {
    const connection = deserialize(pipe);
    return connection instanceof Connection ? connection.channel : undefined;
  } catch (error) {
    if (error instanceof SystemError || error instanceof MultiprocError) return undefined;
    throw error;
  }
}

function send(channel: SocketChannel, message: Uint8Array): void {
  // Some hundred bytes, and the other side reads: there is always room.
  channel.send(message).advance();
}

function timed(tell: () => void): Notice {
  const timer = setTimeout(tell, pauseMs);
  return {
    reference(keep) {
      if (keep) timer.ref();
      else timer.unref();
    },
    cancel: () => clearTimeout(timer),
  };
}

function late(address: Address): TimeoutError {
  return new TimeoutError(`The manager at ${writeAddress(parseAddress(address))} did not answer in time`);
}
