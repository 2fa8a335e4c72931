/** Client: connects to a listener, and proves that it knows the key. */
import { lookup } from 'node:dns/promises';
import { now, type ParsedWait, readWait, type WaitOptions, waitFields } from '../deadline.js';
import { TimeoutError } from '../errors.js';
import { onWritable } from '../lifecycle/readiness.js';
import { native } from '../native.js';
import { OptionTable } from '../options/table.js';
import { readModules } from '../serialize/allowed-modules.js';
import { sleep } from '../timing.js';
import { type Address, isHostName, type ParsedAddress, writeAddress } from './address.js';
import { type AuthKey, authenticate, authKeyKind, readKey } from './authentication.js';
import { clientFacts } from './channel-claim.js';
import { Connection } from './connection.js';
import { type Family, familyKind, parseAddressOf } from './family.js';
import { clientHandshake } from './handshake.js';
import { handshakeTimeoutKind, readHandshakeTimeout } from './handshake-timeout.js';
import { type PeerOptions, peerFields } from './peer-options.js';
import { SocketChannel } from './socket-channel.js';
import { Turns } from './turns.js';

/** Options of {@link Client}: the key, and those of every wait, for connecting and proving together. */
export interface ClientOptions extends WaitOptions, PeerOptions {
  /** What the listener was given; without, the listener must have been given none. */
  authkey?: AuthKey | undefined;
  /** How long the listener may take to prove that it knows the key, in ms. Default 10,000. */
  handshakeTimeout?: number | undefined;
  /** Of the address, which says it by itself. */
  family?: Family | null | undefined;
}

const clientOptions = new OptionTable<ClientOptions>({
  authkey: authKeyKind,
  handshakeTimeout: handshakeTimeoutKind,
  family: familyKind,
  ...peerFields,
  ...waitFields,
});

/** Between two attempts at a listener that has no room for another connection. */
const pauseMs = 10;

/**
 * Connects to the listener at the address; mirrors `multiprocessing.connection.Client`. The listener may be one of
 * CPython 3.12 or newer: exchange bytes with it, as its values are pickled.
 *
 * With a key both sides prove that they know it, by HMAC-SHA-256 and nothing else, the listener first; the key itself is never
 * sent. A listener of this package is never spoken to in CPython's protocol: see `python`.
 *
 * @throws SystemError `ECONNREFUSED`, `ENOENT` … if nobody listens there
 * @throws AuthenticationError if the listener does not know the key, does not accept it, or asks for none; if it is the server of
 *   a manager; if another user relays between the two ends of a local socket
 * @throws TimeoutError when the time is over; the signal's `reason` when it fired
 * @throws ValueError for an unknown family, and an address of another family
 */
export async function Client(address: Address, options: ClientOptions = {}): Promise<Connection> {
  clientOptions.check(options, 'Client');
  const wait = readWait(options);
  const key = readKey(options.authkey);
  const most = readHandshakeTimeout(options.handshakeTimeout);
  const allowsPython = options.python ?? true;
  const allowed = readModules(options.modules);
  const target = parseAddressOf(options.family ?? undefined, address);
  wait.signal?.throwIfAborted();
  const text = isHostName(target) ? await resolve(target.text) : target.text;
  const channel = await connect({ ...target, text }, writeAddress(target), wait);
  const connection = new Connection(channel, { modules: allowed });
  if (key === undefined) return connection;
  try {
    const facts = clientFacts(channel.descriptor, target.local);
    const script = clientHandshake({ key, purpose: 'messages', python: allowsPython, facts });
    await authenticate(connection, script, { ...wait, deadline: Math.min(wait.deadline, now() + most) });
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

/** As listeners do, the first IPv4 address before others. */
async function resolve(host: string): Promise<string> {
  const found = await lookup(host, { all: true });
  return (found.find(({ family }) => family === 4) ?? found[0])?.address ?? host;
}

async function connect({ local, text, port }: ParsedAddress, name: string, wait: ParsedWait): Promise<SocketChannel> {
  for (;;) {
    const begun = native.socketConnect(local, text, port);
    if (begun !== null) {
      const channel = new SocketChannel(begun[0]);
      if (begun[1]) return channel;
      try {
        await finish(begun[0], name, wait);
      } catch (error) {
        channel.close();
        throw error;
      }
      return channel;
    }
    const left = wait.deadline - now();
    if (left <= 0) throw missed(name);
    await sleep(Math.min(pauseMs, left), { ref: wait.ref });
    wait.signal?.throwIfAborted();
  }
}

async function finish(descriptor: number, name: string, wait: ParsedWait): Promise<void> {
  let ready = false;
  const line = new Turns((callback) =>
    onWritable(descriptor, () => {
      ready = true;
      callback();
    }),
  );
  if ((await line.wait(() => ready || undefined, wait)) === undefined) throw missed(name);
  native.socketFinish(descriptor, name);
}

function missed(name: string): TimeoutError {
  return new TimeoutError(`${name} did not answer in time`);
}
