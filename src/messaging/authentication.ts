/** Carries out the handshake over a connection, within its deadline. */
import { isUint8Array } from 'node:util/types';
import type { ParsedWait } from '../deadline.js';
import { AuthenticationError, EOFError, SystemError, TimeoutError, ValueError } from '../errors.js';
import { checkedBy, type Kind, unexpected } from '../options/kinds.js';
import { TooLong } from './channel.js';
import type { Connection } from './connection.js';
import { type HandshakeScript, maxHandshakeBytes } from './handshake.js';

/** What a listener or a client proves that it knows: text (as UTF-8) or bytes. */
export type AuthKey = string | Uint8Array;

/** The option `authkey`. */
export const authKeyKind: Kind<AuthKey> = checkedBy((key, name) => {
  if (typeof key !== 'string' && !isUint8Array(key)) throw unexpected(name, 'a string or bytes', key);
  if (key.length > 0) return;
  throw new ValueError(`Expected "${name}" to be a secret, got an empty one: every peer would know it`);
});

/** The bytes of a checked `authkey`, copied; `undefined` if there is none. */
export function readKey(key: AuthKey | undefined): Buffer | undefined {
  return key === undefined ? undefined : Buffer.from(key as Uint8Array);
}

/**
 * Sends and receives what the script of a side asks for.
 *
 * @throws AuthenticationError if the peer does not know the key; TimeoutError when the time is over
 */
export async function authenticate(connection: Connection, script: HandshakeScript, wait: ParsedWait): Promise<void> {
  try {
    let step = script.next();
    while (step.done !== true) {
      if (step.value === undefined) {
        step = script.next(await connection.take(maxHandshakeBytes, wait));
      } else {
        await connection.give(step.value, wait);
        step = script.next(nothing);
      }
    }
  } catch (error) {
    throw judge(error);
  }
}

/** Why a peer is not trusted: one that ends, or sends what is no message, has not proved anything. */
export function judge(error: unknown): unknown {
  if (error instanceof TimeoutError) {
    return new TimeoutError('The peer did not prove in time that it knows the key', { cause: error });
  }
  const peersFault = error instanceof EOFError || error instanceof SystemError || error instanceof TooLong;
  if (!peersFault) return error;
  return new AuthenticationError(`The peer did not prove that it knows the key: ${error.message}`, { cause: error });
}

const nothing = Buffer.alloc(0);
