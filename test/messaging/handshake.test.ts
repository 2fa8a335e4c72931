/** The handshake's state machine against an attacker who has every message ever sent, and not the key. */
import { createHmac } from 'node:crypto';
import { AuthenticationError } from 'multiproc';
import t from 'tap';

const { clientHandshake, listenerHandshake, checkClaim, claimOf } = await import(
  new URL('../../dist/internals.js', import.meta.url).href
);

/** How many rounds; `npm run test:fuzz` takes more. */
const rounds = Number(process.env.MULTIPROC_HANDSHAKE_ROUNDS ?? 1500);

type Script = Generator<Buffer | undefined, void, Buffer>;
type Side = 'client' | 'listener';

let state = Number(process.env.MULTIPROC_SEED ?? 1);
/** The same numbers in each run with a seed. */
function pick(below: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return (state >>> 8) % below;
}
const one = <T>(list: readonly T[]): T => list[pick(list.length)] as T;

const tcp = { local: false, name: '', uid: undefined, peerUid: undefined };
const key = Buffer.from('the key');

interface World {
  readonly side: Side;
  readonly purpose: string;
  readonly key: Buffer;
}

/** One side, with everything that it has sent and received. */
class Session {
  readonly sent: Buffer[] = [];
  readonly got: Buffer[] = [];
  readonly world: World;
  state: 'waiting' | 'believing' | 'refusing' = 'waiting';
  error: unknown;
  readonly #script: Script;

  constructor(world: World, python = true) {
    this.world = world;
    const party = { key: world.key, purpose: world.purpose, python, facts: tcp };
    this.#script = world.side === 'client' ? clientHandshake(party) : listenerHandshake(party);
    this.#advance(() => this.#script.next());
  }

  give(message: Buffer): void {
    this.got.push(message);
    this.#advance(() => this.#script.next(message));
  }

  #advance(step: () => IteratorResult<Buffer | undefined, void>): void {
    try {
      let result = step();
      while (result.done !== true && result.value !== undefined) {
        this.sent.push(result.value);
        result = this.#script.next(Buffer.alloc(0));
      }
      if (result.done === true) this.state = 'believing';
    } catch (error) {
      this.error = error;
      this.state = 'refusing';
    }
  }
}

/** Whether the side that believes and the other one have sent each other what they received, up to the last proof. */
function isConversation(believing: Session, other: Session): boolean {
  const agrees = (got: Buffer[], sent: Buffer[]) => got.every((message, i) => sent[i]?.equals(message) === true);
  // The verdict, which follows, proves nothing; and the listener may not have the client's proof yet.
  const heard = believing.world.side === 'client' ? 1 : 2;
  return agrees(believing.got.slice(0, 2), other.sent) && agrees(other.got.slice(0, heard), believing.sent);
}

function mutated(message: Buffer): Buffer {
  const copy = Buffer.from(message);
  const how = pick(4);
  if (how === 0 || copy.length === 0) return Buffer.concat([copy, Buffer.alloc(pick(300), pick(256))]);
  if (how === 1) return copy.subarray(0, pick(copy.length));
  const at = pick(copy.length);
  copy[at] = (copy[at] as number) ^ (1 << pick(8));
  return copy;
}

const marks = ['#CHALLENGE#{sha256}', '#MULTIPROC#\x01', '#PROOF#', '{sha256}', '{md5}', '#WELCOME#', '#FAILURE#', ''];
const invented = () => Buffer.concat([Buffer.from(one(marks), 'latin1'), Buffer.alloc(pick(120), pick(256))]);

t.test('a side believes only in a partner that had the same conversation', (t) => {
  let [believed, refused, mixed] = [0, 0, 0];
  for (let round = 0; round < rounds; round++) {
    const sides = ['client', 'listener'] as const;
    const sessions = Array.from({ length: 2 + pick(5) }, (_, i) => {
      const purpose = i < 2 ? 'messages' : one(['messages', 'messages', 'manager']);
      const own = i < 2 || pick(4) > 0 ? key : Buffer.from('another key');
      return new Session({ side: sides[i] ?? one(sides), purpose, key: own }, purpose !== 'manager');
    });
    const isHonest = pick(3) === 0;
    for (let step = 0; step < 60; step++) {
      const waiting = sessions.filter((session) => session.state === 'waiting');
      if (waiting.length === 0) break;
      const session = one(waiting);
      const index = sessions.indexOf(session);
      const partner = index < 2 && pick(8) > 0 ? (sessions[1 - index] as Session) : one(sessions);
      const seen = sessions.flatMap(({ sent }) => sent);
      const next = partner.sent[session.got.length];
      if (index < 2 && isHonest && next === undefined) continue;
      if (next !== undefined && (isHonest || pick(6) > 0)) session.give(next);
      else if (seen.length > 0 && pick(3) > 0) session.give(pick(3) === 0 ? mutated(one(seen)) : one(seen));
      else session.give(invented());
    }
    for (const session of sessions) {
      if (session.state === 'refusing') refused++;
      if (session.error !== undefined && !(session.error instanceof AuthenticationError)) t.fail(String(session.error));
      if (session.state !== 'believing') continue;
      believed++;
      const partners = sessions.filter(
        (other) =>
          other.world.side !== session.world.side &&
          other.world.purpose === session.world.purpose &&
          other.world.key.equals(session.world.key) &&
          isConversation(session, other),
      );
      if (partners.length !== 1) t.fail(`${session.world.side} ${session.world.purpose} in round ${round}`);
      if (session.got.some((message) => message.toString('latin1').startsWith('{sha256}'))) t.fail('downgraded');
      if (!isHonest) mixed++;
    }
    for (const { sent } of sessions) if (sent.some((message) => message.length > 256)) t.fail('too long for CPython');
  }
  t.ok(believed > rounds / 10, `some were let in: ${believed}`);
  t.ok(mixed > 0, `some of them although others interfered: ${mixed}`);
  t.ok(refused > rounds, `others were not: ${refused}`);
  t.end();
});

t.test('no order of messages without the key convinces a side', (t) => {
  const [client, listener] = [new Session(world('client')), new Session(world('listener'))];
  for (let i = 0; i < 3; i++) {
    if (listener.sent[i] !== undefined && client.state === 'waiting') client.give(listener.sent[i] as Buffer);
    if (client.sent[i] !== undefined && listener.state === 'waiting') listener.give(client.sent[i] as Buffer);
  }
  t.strictSame([client.state, listener.state], ['believing', 'believing'], 'they know each other');
  // What an attacker has recorded, with an other key's messages, and what anyone can make.
  const stranger = new Session({ ...world('listener'), key: Buffer.from('x') });
  const other = new Session(world('listener'));
  const alphabet = [
    ...client.sent,
    ...listener.sent,
    ...stranger.sent,
    ...other.sent,
    Buffer.from('#FAILURE#'),
    Buffer.concat([Buffer.from('#CHALLENGE#{sha256}'), Buffer.alloc(40, 7)]),
    Buffer.concat([Buffer.from('{sha256}'), Buffer.alloc(32, 7)]),
    Buffer.alloc(0),
  ];
  let tried = 0;
  for (const side of ['client', 'listener'] as const) {
    const explore = (sequence: Buffer[]) => {
      const session = new Session(world(side));
      for (const message of sequence) session.give(message);
      tried++;
      if (session.state === 'believing') t.fail(`${side}: ${sequence.map(String)}`);
      // After a refusal nothing follows.
      if (session.state === 'waiting' && sequence.length < 4) for (const next of alphabet) explore([...sequence, next]);
    };
    explore([]);
  }
  t.ok(tried > 100, `${tried} orders`);
  t.end();
});

t.test('one client does not answer what another one asks, however the listener looks', (t) => {
  const question = Buffer.concat([Buffer.from('#CHALLENGE#{sha256}'), Buffer.alloc(40, 7)]);
  const asking = new Session(world('client'));
  asking.give(question);
  t.ok(asking.sent[0]?.equals(answerTo(question)), 'a CPython listener is answered');
  asking.give(Buffer.from('#WELCOME#'));
  const challenge = asking.sent[1] as Buffer;
  for (const side of ['client', 'listener'] as const) {
    const oracle = new Session(world(side));
    if (side === 'listener') oracle.give(answerTo(oracle.sent[0] as Buffer));
    oracle.give(challenge);
    t.match(oracle.error, { name: 'AuthenticationError', message: /sent back the challenge/ }, side);
    t.notOk(oracle.sent.some((message) => message.equals(answerTo(challenge))));
  }
  asking.give(answerTo(challenge));
  t.equal(asking.state, 'believing', 'a CPython listener that has the key is believed');
  const strict = new Session(world('client'), false);
  strict.give(question);
  t.match(strict.error, { message: /`python: false`/ });
  t.strictSame(strict.sent, [], 'without Python nothing is answered');
  const closed = new Session(world('listener'), false);
  closed.give(answerTo(closed.sent[0] as Buffer));
  t.match(closed.error, { message: /speaks CPython's protocol/ });
  t.strictSame(closed.sent[1], Buffer.from('#FAILURE#'));
  t.end();
});

t.test('the two ends of one socket agree, and others do not', (t) => {
  const mine = { local: true, name: '/a', uid: 1, peerUid: 2 };
  const theirs = { local: true, name: '/a', uid: 2, peerUid: 1 };
  checkClaim(claimOf(theirs), mine);
  checkClaim(claimOf({ ...theirs, uid: undefined }), mine);
  checkClaim(claimOf(theirs), { ...mine, uid: undefined, peerUid: 65_534 });
  checkClaim(claimOf(tcp), tcp);
  const relays = {
    'another name': [{ ...theirs, name: '/b' }, mine],
    'another user': [{ ...theirs, uid: 3 }, mine],
    'no user': [theirs, { ...mine, peerUid: undefined }],
    'TCP there': [tcp, mine],
    'TCP here': [theirs, tcp],
  } as const;
  for (const [name, [from, to]] of Object.entries(relays)) {
    t.throws(() => checkClaim(claimOf(from), to), { message: /Another program relays/ }, name);
  }
  for (const claim of ['', 'unix', 'unix -1 x', `unix 2 ${'0'.repeat(63)}`, 'tcp ', 'TCP']) {
    t.throws(() => checkClaim(claim, claim.startsWith('unix') ? mine : tcp), AuthenticationError, claim);
  }
  t.end();
});

function world(side: Side): World {
  return { side, purpose: 'messages', key };
}

/** As CPython answers. */
function answerTo(challenge: Buffer): Buffer {
  const question = challenge.subarray('#CHALLENGE#'.length);
  return Buffer.concat([Buffer.from('{sha256}'), createHmac('sha256', key).update(question).digest()]);
}
