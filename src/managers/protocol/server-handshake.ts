/** How a server and a client that has proved that it knows the key agree on the way that messages take. */
import { now } from '../../deadline.js';
import { EOFError, MultiprocError, SystemError } from '../../errors.js';
import type { Channel } from '../../messaging/channel.js';
import type { Connection } from '../../messaging/connection.js';
import { maxHandshakeBytes } from '../../messaging/handshake.js';
import { Pipe } from '../../messaging/pipe.js';
import { discard, serialize } from '../../serialize/codec.js';
import { byMemory, handedOver, readGreeting, type Welcome } from './handshake.js';

export interface WelcomeOptions {
  /** Whether the client is a process of this user on this machine: then it is offered a pipe in shared memory. */
  readonly local: boolean;
  /** Bytes of the longest message that the server reads. */
  readonly largest: number;
  /** Which server it is. */
  readonly server: string;
  /** How long all of it may take, in ms. */
  readonly timeout: number;
  /** Whether there is room for the client: asked once it has greeted. */
  isWelcome(): boolean;
}

/** What messages come through from now on. */
export interface Agreed {
  readonly channel: Channel;
  readonly inMemory: boolean;
  close(): void;
}

/** @throws EOFError for who is turned away; TimeoutError, and what reading throws */
export async function welcome(connection: Connection, options: WelcomeOptions): Promise<Agreed> {
  const { local, largest, server, timeout } = options;
  const wait = { deadline: now() + timeout, signal: undefined, ref: true };
  const wantsMemory = readGreeting(await connection.take(maxHandshakeBytes, wait));
  if (wantsMemory === undefined || !options.isWelcome()) throw new EOFError();
  const pipe = wantsMemory && local ? makePipe() : undefined;
  const handle = pipe === undefined ? undefined : serialize(pipe[1]);
  let taken = false;
  try {
    await connection.give(serialize({ largest, pipe: handle, server } satisfies Welcome), wait);
    if (pipe === undefined || !(await connection.take(maxHandshakeBytes, wait)).equals(byMemory)) {
      return agreed(connection, false);
    }
    pipe[1].close();
    await connection.give(handedOver, wait);
    connection.close();
    taken = true;
    return agreed(pipe[0], true);
  } finally {
    if (!taken) {
      if (handle !== undefined) discard(handle);
      for (const end of pipe ?? []) end.close();
    }
  }
}

function agreed(connection: Connection, inMemory: boolean): Agreed {
  return { channel: connection.channel, inMemory, close: () => connection.close() };
}

/** `undefined` where there is no room for it: the client stays with the socket. */
function makePipe(): [Connection, Connection] | undefined {
  try {
    return Pipe();
  } catch (error) {
    if (error instanceof SystemError || error instanceof MultiprocError) return undefined;
    throw error;
  }
}
