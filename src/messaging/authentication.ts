/**
 * The mutual challenge by which both ends of a new connection prove that they have the same key, as CPython 3.12 and newer
 * do it, with SHA-256 and nothing else.
 *
 * The challenge is `#CHALLENGE#{sha256}` and random bytes. The answer is `{sha256}` and the HMAC of everything behind
 * `#CHALLENGE#`, under the key. `#WELCOME#` or `#FAILURE#` ends it. The listener challenges first, so it proves nothing to
 * whoever does not know the key. No message may have more than 256 bytes.
 */

import type { ParsedWait } from '../deadline.js';
import { AuthenticationError, EOFError, SystemError, TimeoutError } from '../errors.js';
import { randomBytes } from '../lifecycle/random-bytes.js';
import { TooLong } from './channel.js';
import type { Connection } from './connection.js';

const challengeMark = Buffer.from('#CHALLENGE#');
const welcome = Buffer.from('#WELCOME#');
const failure = Buffer.from('#FAILURE#');
const digestMark = Buffer.from('{sha256}');
const digestLength = 32;
const randomLength = 40;
/** Of a challenge behind its mark: less is easily met twice. */
const shortestChallenge = 20;
export const mostBytes = 256;

/** What a listener or a client proves that it knows: text (as UTF-8) or bytes. */
export type AuthKey = string | Uint8Array;

/**
 * Reads an `authkey`: its bytes, copied; `undefined` if there is none.
 *
 * @throws TypeError for anything but a string or bytes
 */
export function readKey(key: AuthKey | undefined): Buffer | undefined {
  if (key === undefined) return undefined;
  if (typeof key === 'string') return Buffer.from(key, 'utf8');
  if (key instanceof Uint8Array) return Buffer.from(key);
  throw new TypeError(`Expected "authkey" to be a string or bytes, got ${key === null ? 'null' : typeof key}`);
}

/**
 * The listener's part.
 *
 * @throws AuthenticationError if the peer does not know the key; TimeoutError when the time is over
 */
export function authenticatePeer(connection: Connection, key: Buffer, wait: ParsedWait): Promise<void> {
  return judged(async () => {
    await challenge(connection, key, wait);
    await answer(connection, key, wait);
  });
}

/** The client's part; fails as {@link authenticatePeer} does. */
export function authenticateSelf(connection: Connection, key: Buffer, wait: ParsedWait): Promise<void> {
  return judged(async () => {
    await answer(connection, key, wait);
    await challenge(connection, key, wait);
  });
}

async function challenge(connection: Connection, key: Buffer, wait: ParsedWait): Promise<void> {
  const question = newQuestion();
  await connection.give(askFor(question), wait);
  const right = isRight(await connection.take(mostBytes, wait), key, question);
  await connection.give(verdictOn(right), wait);
  if (!right) throw new AuthenticationError('The peer does not know the key');
}

async function answer(connection: Connection, key: Buffer, wait: ParsedWait): Promise<void> {
  await connection.give(answerTo(await connection.take(mostBytes, wait), key), wait);
  checkVerdict(await connection.take(mostBytes, wait));
}

/**
 * The client's part as a conversation for whoever sends and receives in another way: yields what is to be sent, and is
 * given the next message where it yields nothing.
 *
 * @throws AuthenticationError if the peer does not know the key
 */
export function* provingSelf(key: Buffer): Generator<Buffer | undefined, void, Buffer> {
  yield answerTo(yield, key);
  checkVerdict(yield);
  const question = newQuestion();
  yield askFor(question);
  const right = isRight(yield, key, question);
  yield verdictOn(right);
  if (!right) throw new AuthenticationError('The peer does not know the key');
}

function newQuestion(): Buffer {
  return Buffer.concat([digestMark, randomBytes(randomLength)]);
}

function askFor(question: Buffer): Buffer {
  return Buffer.concat([challengeMark, question]);
}

function isRight(response: Buffer, key: Buffer, question: Buffer): boolean {
  return (
    response.length === digestMark.length + digestLength && crypto().timingSafeEqual(response, prove(key, question))
  );
}

function verdictOn(right: boolean): Buffer {
  return right ? welcome : failure;
}

function answerTo(message: Buffer, key: Buffer): Buffer {
  if (!startsWith(message, challengeMark)) throw new AuthenticationError('The peer did not ask for the key');
  const question = message.subarray(challengeMark.length);
  if (!startsWith(question, digestMark)) {
    throw new AuthenticationError('The peer asked for another digest than SHA-256, which is not answered');
  }
  if (question.length < shortestChallenge) throw new AuthenticationError("The peer's challenge is too short");
  return prove(key, question);
}

function checkVerdict(message: Buffer): void {
  if (!message.equals(welcome)) throw new AuthenticationError('The peer did not accept the key');
}

function prove(key: Buffer, question: Buffer): Buffer {
  return Buffer.concat([digestMark, crypto().createHmac('sha256', key).update(question).digest()]);
}

function startsWith(message: Buffer, mark: Buffer): boolean {
  return message.subarray(0, mark.length).equals(mark);
}

async function judged(exchange: () => Promise<void>): Promise<void> {
  try {
    await exchange();
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

/** Loaded at the first use: a process needs some milliseconds for it, and each forked child some more. */
function crypto(): typeof import('node:crypto') {
  return process.getBuiltinModule('node:crypto');
}
