/** Hostile peers: mutated handshakes, and mutated messages of who knows the key, crash nothing and reveal nothing. */
import { connect, createServer, type Socket } from 'node:net';
import { Client, type Connection, SyncManager } from 'multiproc';
import t from 'tap';

t.setTimeout(120_000);

const rounds = Number(process.env.MULTIPROC_HOSTILE ?? 300);
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
    Buffer.concat([Buffer.from('{sha256}'), Buffer.alloc(32, 7)]),
    Buffer.from('#CHALLENGE#{sha256}01234567890123456789'),
    Buffer.from('multiproc manager 1 stream'),
  );
  let failures = 0;
  for (let round = 0; round < rounds; round++) {
    const told = await answers(address, mutate(handshake));
    const rest = told.subarray(4 + 11 + 8 + 40);
    const refused = rest.length === 0 || rest.equals(framed(Buffer.from('#FAILURE#')));
    if (!refused || told.includes(key)) failures++;
  }
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
  const samples = await recorded(address);
  let connection: Connection | undefined;
  for (let round = 0; round < rounds; round++) {
    connection ??= await greet(address);
    try {
      for (let i = 0; i < 20; i++) await connection.sendBytes(mutate(samples[pick(samples.length)] as Buffer));
      await connection.sendBytes(ask(round));
      while ((await connection.recvBytes(undefined, 5000)).readUInt32LE(1) !== round) {}
    } catch {
      // Turned away: the next one.
      connection.close();
      connection = undefined;
    }
  }
  connection?.close();
  t.strictSame(await list.getValue(), [1, 2, 3], 'who is honest is served');
  t.equal(Object.getOwnPropertyNames(Object.prototype).length, 12, 'and nothing of the server was changed');
  server.stop();
  await served;
});

/** As a client greets. */
async function greet(address: [string, number]): Promise<Connection> {
  const connection = await Client(address, { authkey: key });
  await connection.sendBytes(Buffer.from('multiproc manager 1 stream'));
  await connection.recvBytes();
  return connection;
}

function ask(number: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes[0] = 8;
  bytes.writeUInt32LE(number, 1);
  bytes[5] = 2;
  return bytes;
}

/** What a real client sends, as a relay between it and the server saw it. */
async function recorded([host, port]: [string, number]): Promise<Buffer[]> {
  const sockets: Socket[] = [];
  let seen = Buffer.alloc(0);
  const relay = createServer((near) => {
    const far = connect(port, host);
    sockets.push(near, far);
    near.on('data', (part) => {
      seen = Buffer.concat([seen, part]);
      far.write(part);
    });
    far.on('data', (part) => near.write(part));
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
  relay.close();
  for (const socket of sockets) socket.destroy();
  const messages: Buffer[] = [];
  for (let at = 0; at + 4 <= seen.length; at += 4 + seen.readInt32BE(at)) {
    messages.push(seen.subarray(at + 4, at + 4 + seen.readInt32BE(at)));
  }
  return messages.slice(handshakeMessages);
}

/** Proof, question, verdict and greeting. */
const handshakeMessages = 4;
