/**
 * What each side of a handshake says of the socket that it holds, under the MAC, so that the other side can compare.
 *
 * On a local socket the kernel tells both sides the same name (the one that the listener has bound), and each of them the other's
 * user id. A process between the two holds two sockets: at least one of these differs, unless it is of the same user. Over
 * TCP there is nothing of the kind: addresses are translated on the way, and a tunnel is a relay that is wanted.
 */

import { AuthenticationError } from '../errors.js';
import { native } from '../native.js';
import { isInitialUserNamespace, peerUserOf } from './peer-user.js';

/** What one side knows. */
export interface ChannelFacts {
  /** Whether it is a local socket: then the kernel vouches for what follows. */
  readonly local: boolean;
  /** The name that the listener has bound. */
  readonly name: string;
  /** This side's own user id; `undefined` in a user namespace, where numbers mean something else. */
  readonly uid: number | undefined;
  /** That of the other side, as the kernel says. */
  readonly peerUid: number | undefined;
}

/** In bytes. */
export const longestClaim = 80;

const pattern = /^unix (\d{1,10}|-) ([0-9a-f]{64})$/;

/** Of the side that has connected. `uid`: of the moment when it did. */
export function clientFacts(descriptor: number, local: boolean): ChannelFacts {
  return factsOf(descriptor, local, process.geteuid?.(), () => native.socketPeerAddress(descriptor)[1]);
}

/** Of the side that has accepted. @param uid of the moment when it began to listen, which is what clients are told */
export function listenerFacts(descriptor: number, local: boolean, uid: number | undefined): ChannelFacts {
  return factsOf(descriptor, local, uid, () => native.socketAddress(descriptor)[1]);
}

function factsOf(descriptor: number, local: boolean, uid: number | undefined, name: () => string): ChannelFacts {
  if (!local) return { local, name: '', uid: undefined, peerUid: undefined };
  return {
    local,
    name: name(),
    uid: isInitialUserNamespace() ? uid : undefined,
    peerUid: peerUserOf(descriptor),
  };
}

/** What a side says of itself. */
export function claimOf({ local, name, uid }: ChannelFacts): string {
  return local ? `unix ${uid ?? '-'} ${digestOf(name)}` : 'tcp';
}

/**
 * Compares what the other side, which has proved that it has the key, says with what this side sees.
 *
 * @throws AuthenticationError if they do not hold the two ends of one socket
 */
export function checkClaim(claim: string, facts: ChannelFacts): void {
  if (claim === 'tcp' && !facts.local) return;
  const [, uid, name] = pattern.exec(claim) ?? [];
  if (uid === undefined || !facts.local) throw relayed('one of them holds a local socket, the other one a TCP socket');
  if (name !== digestOf(facts.name)) throw relayed('they hold sockets of different names');
  if (facts.uid === undefined || uid === '-') return;
  if (Number(uid) !== facts.peerUid) {
    throw relayed(`the peer is of user ${uid}, but the socket leads to user ${facts.peerUid ?? 'unknown'}`);
  }
}

function relayed(how: string): AuthenticationError {
  return new AuthenticationError(
    `Another program relays between this side and a peer that knows the key: ${how}. Tunnels need TCP on both sides`,
  );
}

function digestOf(name: string): string {
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(name).digest('hex');
}
