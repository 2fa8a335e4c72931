/**
 * The handshake by which the two sides of a new connection prove to each other that they have the same key.
 *
 * Between peers of this package, with N and M random, and every MAC an HMAC-SHA-256 under a key of its own derived from the
 * shared key, the purpose and the version:
 *
 *     listener → client   #CHALLENGE#{sha256} N tag(N)       the tag says: made by such a listener
 *     client → listener   #MULTIPROC# version M claim        the claim: what the client says of the socket
 *     listener → client   #PROOF# MAC('server', all of the above, claim) claim
 *     client → listener   #PROOF# MAC('client', all of the above)
 *     listener → client   #WELCOME# or #FAILURE#
 *
 * The first message is at the same time a challenge of CPython 3.12 and newer, whose clients answer it with
 * `{sha256}` and HMAC(key, `{sha256}` N tag); each side then challenges the other, the listener first. A challenge with a tag was
 * made by a peer of this package, so no peer of this package ever answers one in CPython's way: neither can two of them be made
 * to fall back to that, nor can one of them be made to answer the challenge of another one.
 *
 * docs/handshake.md argues why this authenticates both sides. Nothing here waits: each side is a script that yields what is
 * to be sent, and is given what came.
 */
import { Buffer } from 'node:buffer';
import { AuthenticationError } from '../errors.js';
import { randomBytes } from '../lifecycle/random-bytes.js';
import { type ChannelFacts, checkClaim, claimOf, longestClaim } from './channel-claim.js';

const refused =
  'The peer did not accept the key. Both sides need the same "authkey"; without one each program has a random key of its ' +
  'own, which only its children share: give both the same, or set currentProcess().authkey in both';

/** What the connection is for: a proof for one is none for the other. */
export type Purpose = 'messages' | 'manager' | 'pool';

/** What one side needs. */
export interface Party {
  readonly key: Uint8Array;
  readonly purpose: Purpose;
  /** Whether the other side may be a CPython program. */
  readonly python: boolean;
  /** What this side knows of the connection. */
  readonly facts: ChannelFacts;
}

/** What is to be done about a peer that has the key, and is there for something else. */
const others: Readonly<Record<Purpose, string>> = {
  messages: 'The peer is a Listener, and no manager: connect to it with Client()',
  manager: "The peer is a manager's server: connect to it with a manager's connect()",
  pool: 'The peer is the host of a named pool: connect to it with new Pool(size, { name })',
};

/** Yields a message to be sent, or `undefined` where the next one is to be received. */
export type HandshakeScript = Generator<Buffer | undefined, void, Buffer>;

/** Bytes of the longest message; CPython receives no longer one. */
export const maxHandshakeBytes = 256;

const version = 1;
const challengeMark = Buffer.from('#CHALLENGE#');
const digestMark = Buffer.from('{sha256}');
const helloMark = Buffer.concat([Buffer.from('#MULTIPROC#'), Buffer.from([version])]);
const anyHelloMark = helloMark.subarray(0, -1);
const proofMark = Buffer.from('#PROOF#');
const welcome = Buffer.from('#WELCOME#');
const failure = Buffer.from('#FAILURE#');
const nonceLength = 32;
const macLength = 32;
/** Of a CPython challenge behind its digest: CPython sends 40. Fewer could be met twice. */
const minPythonNonce = 16;

/**
 * Which of our sides made a challenge: the listener, or a client that speaks with a CPython listener. Proofs are made under
 * further labels, so no MAC of one kind is ever one of another.
 */
const challengers = ['listener', 'client'] as const;
type Challenger = (typeof challengers)[number];
const purposes: readonly Purpose[] = ['messages', 'manager', 'pool'];

/**
 * The listener's side.
 *
 * @throws AuthenticationError if the client does not prove that it has the key
 */
export function* listenerHandshake(party: Party): HandshakeScript {
  const offer = challengeBy('listener', party);
  yield offer;
  const response = yield;
  if (startsWith(response, anyHelloMark)) {
    yield* checkClient(party, offer, response);
  } else if (party.python) {
    yield* checkPythonAnswer(party.key, offer, response);
    yield* answerPython(party, yield);
  } else {
    yield failure;
    throw new AuthenticationError(
      startsWith(response, digestMark)
        ? "The peer speaks CPython's protocol, which this side does not (`python: false`, or a manager)"
        : 'The peer sent what belongs to no handshake',
    );
  }
}

/**
 * The client's side.
 *
 * @throws AuthenticationError if the listener does not prove that it has the key
 */
export function* clientHandshake(party: Party): HandshakeScript {
  const offer = yield;
  const question = questionIn(offer);
  const maker = makerOf(question, party.key);
  if (maker === undefined) {
    if (!party.python) {
      throw new AuthenticationError(
        'The peer does not know the key, or is a CPython program, which this side does not speak with (`python: false`, or a manager)',
      );
    }
    yield* answerPython(party, offer);
    const ours = challengeBy('client', party);
    yield ours;
    yield* checkPythonAnswer(party.key, ours, yield);
    return;
  }
  checkMaker(maker, party.purpose);
  yield* checkListener(party, offer);
}

/** The listener's side from the client's hello on. */
function* checkClient(party: Party, offer: Buffer, hello: Buffer): HandshakeScript {
  try {
    if (!startsWith(hello, helloMark))
      throw new AuthenticationError('The peer speaks another version of the handshake');
    const rest = hello.subarray(helloMark.length);
    if (rest.length < nonceLength || rest.length > nonceLength + longestClaim) {
      throw new AuthenticationError("The peer's part of the handshake is damaged");
    }
    const claim = Buffer.from(claimOf(party.facts));
    const proof = prove('server', party, [offer, hello, claim]);
    const reply = Buffer.concat([proofMark, proof, claim]);
    yield reply;
    const answer = yield;
    const expected = Buffer.concat([proofMark, prove('client', party, [offer, hello, reply])]);
    if (!isSame(answer, expected)) throw new AuthenticationError('The peer does not know the key');
    checkClaim(rest.subarray(nonceLength).toString('latin1'), party.facts);
  } catch (error) {
    if (error instanceof AuthenticationError) yield failure;
    throw error;
  }
  yield welcome;
}

/** The client's side from its hello on. */
function* checkListener(party: Party, offer: Buffer): HandshakeScript {
  const hello = Buffer.concat([helloMark, randomBytes(nonceLength), Buffer.from(claimOf(party.facts))]);
  yield hello;
  const reply = yield;
  if (reply.equals(failure)) throw new AuthenticationError('The peer refused the handshake: it is of another version');
  const claim = reply.subarray(proofMark.length + macLength);
  const expected = Buffer.concat([proofMark, prove('server', party, [offer, hello, claim]), claim]);
  if (claim.length > longestClaim || !isSame(reply, expected)) {
    throw new AuthenticationError('The peer does not know the key');
  }
  checkClaim(claim.toString('latin1'), party.facts);
  yield Buffer.concat([proofMark, prove('client', party, [offer, hello, reply])]);
  checkVerdict(yield);
}

/** Checks what a CPython program answers to a challenge of ours, and tells it the verdict. */
function* checkPythonAnswer(key: Uint8Array, challenge: Buffer, answer: Buffer): HandshakeScript {
  const isRight = isSame(answer, pythonAnswer(key, challenge.subarray(challengeMark.length)));
  yield isRight ? welcome : failure;
  if (!isRight) throw new AuthenticationError('The peer does not know the key');
}

/** Answers the challenge of a CPython program, which no peer of this package has made. */
function* answerPython(party: Party, challenge: Buffer): HandshakeScript {
  const question = questionIn(challenge);
  if (makerOf(question, party.key) !== undefined) {
    throw new AuthenticationError('The peer sent back the challenge of another connection, which is not answered');
  }
  yield pythonAnswer(party.key, question);
  checkVerdict(yield);
}

function pythonAnswer(key: Uint8Array, question: Buffer): Buffer {
  return Buffer.concat([digestMark, mac(key, question)]);
}

/** A challenge in CPython's form, by which our own peers know who made it. */
function challengeBy(challenger: Challenger, { key, purpose }: Party): Buffer {
  const nonce = randomBytes(nonceLength);
  return Buffer.concat([challengeMark, digestMark, nonce, tagOf(challenger, purpose, key, nonce)]);
}

/** What is to be answered: the digest and what stands behind it. */
function questionIn(challenge: Buffer): Buffer {
  if (!startsWith(challenge, challengeMark)) throw new AuthenticationError('The peer did not ask for the key');
  const question = challenge.subarray(challengeMark.length);
  if (!startsWith(question, digestMark)) {
    throw new AuthenticationError('The peer asked for another digest than SHA-256, which is not answered');
  }
  if (question.length < digestMark.length + minPythonNonce) {
    throw new AuthenticationError("The peer's challenge is too short");
  }
  return question;
}

interface Maker {
  readonly challenger: Challenger;
  readonly purpose: Purpose;
}

/** Which peer of this package, with the same key, has made a challenge; `undefined`: none. */
function makerOf(question: Buffer, key: Uint8Array): Maker | undefined {
  if (question.length !== digestMark.length + nonceLength + macLength) return undefined;
  const nonce = question.subarray(digestMark.length, -macLength);
  const tag = question.subarray(-macLength);
  for (const challenger of challengers) {
    for (const purpose of purposes) {
      if (isSame(tag, tagOf(challenger, purpose, key, nonce))) return { challenger, purpose };
    }
  }
  return undefined;
}

function checkMaker({ challenger, purpose }: Maker, wanted: Purpose): void {
  if (challenger !== 'listener') {
    throw new AuthenticationError('The peer sent back the challenge of another client, which is not answered');
  }
  if (purpose === wanted) return;
  throw new AuthenticationError(others[purpose]);
}

function checkVerdict(message: Buffer): void {
  if (!message.equals(welcome)) throw new AuthenticationError(refused);
}

function tagOf(challenger: Challenger, purpose: Purpose, key: Uint8Array, nonce: Buffer): Buffer {
  return mac(derived(key, `challenge ${challenger} ${purpose}`), nonce);
}

/** The proof of a side over the messages so far; each stands behind its length, so no two lists are the same bytes. */
function prove(side: 'server' | 'client', { key, purpose }: Party, messages: readonly Buffer[]): Buffer {
  const parts = messages.flatMap((message) => [Buffer.from([message.length >> 8, message.length & 255]), message]);
  return mac(derived(key, `proof ${side} ${purpose}`), Buffer.concat(parts));
}

/** CPython makes MACs under the key itself, only of what begins with a digest in braces, as no label does. */
function derived(key: Uint8Array, label: string): Buffer {
  return mac(key, Buffer.from(`multiproc handshake ${version} ${label}`));
}

function mac(key: Uint8Array, message: Uint8Array): Buffer {
  return crypto().createHmac('sha256', key).update(message).digest();
}

/** Takes the same time wherever they differ. */
function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && crypto().timingSafeEqual(one, other);
}

function startsWith(message: Buffer, mark: Buffer): boolean {
  return message.subarray(0, mark.length).equals(mark);
}

/** Loaded at the first use: a process needs some milliseconds for it, and each forked child some more. */
function crypto(): typeof import('node:crypto') {
  return process.getBuiltinModule('node:crypto');
}
