/** Hostile peers: mutated handshakes, and mutated messages of who knows the key, crash nothing and reveal nothing. */
import { connect, createServer, type Socket } from 'node:net';
import { type Connection, EOFError, MultiprocError, SyncManager } from 'multiproc';
import t from 'tap';
import { managerPeer } from '../harness/manager-peer.js';

t.setTimeout(1_800_000);

/** The long form: MULTIPROC_HOSTILE=1000000, so many handshakes and messages in all. */
const total = Number(process.env.MULTIPROC_HOSTILE ?? 15_000);
const handshakes = Math.ceil(total / 50);
/** Sent through sockets, so many at a time; the rest is given to a server's conversations without any. */
const sent = Math.ceil(total / 10);
const atOnce = 20;
/** So many talk to the server at the same time. */
const peers = 16;
const given = total - handshakes - sent;
const key = 'the key that nobody may learn';

/** Numbers that are the same in each run. */
function* random(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state >>> 8;
  }
}

const numbers = random(Number(process.env.MULTIPROC_SEED ?? 1));
const pick = (below: number): number => (numbers.next().value as number) % below;

function mutate(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  for (let i = pick(4); i >= 0 && copy.length > 0; i--) {
    const at = pick(copy.length);
    if (pick(3) === 0) copy.writeUInt8(pick(256), at);
    else if (pick(2) === 0) copy[at] = [0, 0xff, 0x7f, 0x80][pick(4)] as number;
    else copy[at] = (copy[at] as number) ^ (1 << pick(8));
  }
  return pick(5) === 0 ? copy.subarray(0, pick(copy.length + 1)) : copy;
}

async function serve() {
  const limits = { messageBytes: 1_000_000, calls: 100 };
  const server = new SyncManager({ address: ['127.0.0.1', 0], authkey: key, limits }).getServer();
  return { server, served: server.serveForever(), address: server.address as [string, number] };
}

/** All that a peer is told, until it is turned away. */
function answers([host, port]: [string, number], bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    const socket: Socket = connect(port, host, () => socket.end(bytes));
    socket.on('data', (part) => parts.push(part));
    socket.on('error', () => {});
    socket.on('close', () => resolve(Buffer.concat(parts)));
  });
}

function framed(...messages: Buffer[]): Buffer {
  return Buffer.concat(
    messages.flatMap((message) => {
      const header = Buffer.alloc(4);
      header.writeInt32BE(message.length);
      return [header, message];
    }),
  );
}

t.test('before authentication nothing is told but a challenge and a refusal', async (t) => {
  const { server, served, address } = await serve();
  const handshake = framed(
    Buffer.concat([Buffer.from('#MULTIPROC#\x01'), Buffer.alloc(32, 7), Buffer.from('tcp')]),
    Buffer.concat([Buffer.from('#PROOF#'), Buffer.alloc(32, 7)]),
    Buffer.from('multiproc manager 1 stream'),
  );
  const pythonic = framed(
    Buffer.concat([Buffer.from('{sha256}'), Buffer.alloc(32, 7)]),
    Buffer.from('#CHALLENGE#{sha256}01234567890123456789'),
  );
  let [failures, begun] = [0, 0];
  const peer = async () => {
    while (begun++ < handshakes) {
      const told = await answers(address, mutate(pick(2) === 0 ? handshake : pythonic));
      // The challenge, the server's own proof if the client has greeted, and the refusal.
      const refused = messagesIn(told).every(
        (message, index) =>
          message.equals(Buffer.from('#FAILURE#')) ||
          (index === 0 && message.length === 11 + 8 + 64 && message.toString('latin1').startsWith('#CHALLENGE#')) ||
          (index === 1 && message.length === 7 + 32 + 3 && message.toString('latin1').startsWith('#PROOF#')),
      );
      if (!refused || told.includes(key)) failures++;
    }
  };
  await Promise.all(Array.from({ length: peers }, peer));
  t.equal(failures, 0);
  t.equal(server.numberOfClients, 0);
  server.stop();
  await served;
});

t.test('messages of who knows the key are answered, or end the conversation, and nothing else', async (t) => {
  const { server, served, address } = await serve();
  const good = new SyncManager({ address, authkey: key });
  await good.connect();
  const list = await good.list([1, 2, 3]);
  const { requests: samples, claims, leave } = await recorded(address);
  let rounds = 0;
  const peer = async () => {
    let connection: Connection | undefined;
    while (rounds < sent / atOnce) {
      const round = rounds++;
      try {
        if (connection === undefined) {
          connection = await greet(address);
          await connection.sendBytes(claims);
        }
        for (let i = 0; i < atOnce; i++) await connection.sendBytes(mutate(samples[pick(samples.length)] as Buffer));
        await connection.sendBytes(ask(round));
        while ((await connection.recvBytes(undefined, 1000)).readUInt32LE(1) !== round) {}
      } catch {
        // Turned away: the next one.
        connection?.close();
        connection = undefined;
      }
    }
    connection?.close();
  };
  await Promise.all(Array.from({ length: peers }, peer));
  leave();
  t.strictSame(await list.getValue(), [1, 2, 3], 'who is honest is served');
  t.equal(Object.getOwnPropertyNames(Object.prototype).length, 12, 'and nothing of the server was changed');
  server.stop();
  await served;
});

t.test('the same without sockets: no error but the end of the conversation, and nothing is kept', async (t) => {
  const { server, served, address } = await serve();
  const { requests, replies, claims, leave } = await recorded(address);
  let feed = new Feed(server);
  feed.give([claims]);
  let [ends, called] = [0, 0];
  for (let done = 0; done < given; done += 64) {
    feed.give(Array.from({ length: 64 }, () => mutate(requests[pick(requests.length)] as Buffer)));
    // What waits in the server goes on.
    await new Promise(setImmediate);
    if (!feed.idle) feed.end();
    if (!feed.closed) continue;
    ends++;
    called += feed.answers;
    feed = new Feed(server);
    feed.give([claims]);
  }
  feed.end();
  leave();
  await untilGone(server);
  t.ok(ends > 0, 'some were turned away');
  t.ok(called > 0, 'and some were answered');
  t.equal(server.numberOfObjects, 0, 'what they had is let go');
  t.equal(Object.getOwnPropertyNames(Object.prototype).length, 12, 'and nothing of the server was changed');
  server.stop();
  await served;
  const surprises = new Set<unknown>();
  for (let done = 0; done < given / 10; done++) {
    try {
      readReplies(mutate(replies[pick(replies.length)] as Buffer));
    } catch (error) {
      if (!(error instanceof MultiprocError || error instanceof TypeError)) surprises.add(error);
    }
  }
  t.strictSame([...surprises], [], 'what a hostile server answers is refused in the same way');
});

async function untilGone(server: { readonly numberOfClients: number }): Promise<void> {
  while (server.numberOfClients > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

const { Session, FrameReader, open } = await import(new URL('../../dist/internals.js', import.meta.url).href);
const carriage = { arrive: () => ({}) };
const afar = { modules: new Set(), attaches: false };

function readReplies(bytes: Buffer): void {
  const reader = new FrameReader(bytes);
  while (!reader.atEnd) {
    const kind = reader.byte();
    reader.integer();
    if (kind === 3) reader.text();
    else if (kind !== 4) open(reader.value(), carriage, afar);
  }
}

/** A conversation of the server's with nobody behind it: the channel that its messages come by. */
class Feed {
  readonly asleep = 0;
  closed = false;
  /** Messages with a value in the first of their answers. */
  answers = 0;
  readonly #messages: Buffer[] = [];
  readonly #session: { close(): void };
  #arrival: (() => void) | undefined;

  constructor(server: object) {
    this.#session = new Session(server, this, { inMemory: false, origin: afar });
  }

  /** Whether it has taken everything. */
  get idle(): boolean {
    return this.#messages.length === 0;
  }

  give(messages: Buffer[]): void {
    this.#messages.push(...messages);
    while (this.#messages.length > 0 && this.#arrival !== undefined) {
      const arrival = this.#arrival;
      this.#arrival = undefined;
      arrival();
    }
  }

  end(): void {
    this.#session.close();
  }

  take(): Buffer | undefined {
    if (this.closed) throw new EOFError();
    return this.#messages.shift();
  }

  sendAtOnce(message: Buffer): boolean {
    if (message[0] === 1) this.answers++;
    return !message.includes(key);
  }

  send(message: Buffer): never {
    throw new Error(`the key was told: ${message}`);
  }

  onArrival(callback: () => void): object {
    this.#arrival = callback;
    return {
      reference() {},
      cancel: () => {
        this.#arrival = undefined;
      },
    };
  }

  close(): void {
    this.closed = true;
    this.#arrival = undefined;
  }
}

/** As a client greets. */
async function greet(address: [string, number]): Promise<Connection> {
  const connection = await managerPeer(address, key);
  await connection.sendBytes(Buffer.from('multiproc manager 1 stream'));
  await connection.recvBytes();
  return connection;
}

function claim(id: number): Buffer {
  const bytes = Buffer.alloc(5 + 8 + 8);
  bytes[0] = 5;
  bytes.writeDoubleLE(id, 5);
  return bytes;
}

function ask(number: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes[0] = 8;
  bytes.writeUInt32LE(number, 1);
  bytes[5] = 2;
  return bytes;
}

interface Recorded {
  requests: Buffer[];
  replies: Buffer[];
  /** Has another client know the objects that these calls are for. */
  claims: Buffer;
  /** The client goes: until then its objects are there. */
  leave(): void;
}

/** What a real client sends and gets, as a relay between it and the server saw it. */
async function recorded([host, port]: [string, number]): Promise<Recorded> {
  const sockets: Socket[] = [];
  let [seen, back] = [Buffer.alloc(0), Buffer.alloc(0)];
  const relay = createServer((near) => {
    const far = connect(port, host);
    sockets.push(near, far);
    near.on('data', (part) => {
      seen = Buffer.concat([seen, part]);
      far.write(part);
    });
    far.on('data', (part) => {
      back = Buffer.concat([back, part]);
      near.write(part);
    });
    for (const socket of [near, far]) socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const { port: through } = relay.address() as { port: number };
  const client = new SyncManager({ address: ['127.0.0.1', through], authkey: key });
  await client.connect();
  const dict = await client.dict<unknown>({ a: [1, { b: new Map([[1, 2]]) }] });
  await dict.set('x', await client.list<unknown>(['text', 2.5, Buffer.from('bytes'), new Error('one')]));
  await (await client.Queue()).put({ deep: [[[[]]]] });
  await dict.update({ y: 1n });
  await dict.delete('x');
  await dict.get('y', 5);
  await dict.getValue();
  relay.close();
  const requests = messagesIn(seen).slice(handshakeMessages.toServer);
  const replies = messagesIn(back).slice(handshakeMessages.toClient);
  const calls = requests.filter((request) => request[0] === 1);
  const ids = new Set(calls.map((request) => request.readDoubleLE(5)));
  const leave = () => {
    for (const socket of sockets) socket.destroy();
  };
  return { requests, replies, claims: Buffer.concat([...ids].map(claim)), leave };
}

function messagesIn(stream: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 4 <= stream.length; at += 4 + stream.readInt32BE(at)) {
    messages.push(stream.subarray(at + 4, at + 4 + stream.readInt32BE(at)));
  }
  return messages;
}

/** Hello, proof and greeting; or challenge, proof, verdict and welcome. */
const handshakeMessages = { toServer: 3, toClient: 4 };
