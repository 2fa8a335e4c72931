/** Listener and Client: every kind of address, and only those are let in who know the key. */
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  type Address,
  AuthenticationError,
  Client,
  ClosedError,
  type Connection,
  Listener,
  TimeoutError,
  ValueError,
} from 'multiproc';
import t from 'tap';
import { findPython } from '../harness/foreign.js';
import { leaveNothing } from '../harness/leftovers.js';
import { command, program } from '../harness/program.js';
import type { CrowdOrder } from '../programs/crowd.js';
import type { HostOrder } from '../programs/host.js';

leaveNothing(t);

const folder = mkdtempSync(join(tmpdir(), 'multiproc-test-'));
t.teardown(() => rmSync(folder, { recursive: true }));
let count = 0;
const freshPath = () => join(folder, `socket-${count++}`);

const addresses: Record<string, () => Address | undefined> = {
  'its own address': () => undefined,
  'a path': freshPath,
  'an abstract name': () => `\0multiproc-test-${process.pid}-${count++}`,
  'TCP by figures': () => ['127.0.0.1', 0],
  'TCP by name': () => ['localhost', 0],
};

for (const [name, make] of Object.entries(addresses)) {
  t.test(`${name}: bound on return, taken for others, free after close`, async (t) => {
    const listener = new Listener(make(), { authkey: 'secret' });
    const { address } = listener;
    if (Array.isArray(address)) t.ok(address[1] > 0, 'the real port');
    t.equal(listener.lastAccepted, null);
    t.throws(() => new Listener(address), { code: 'EADDRINUSE' });
    const [accepted, client] = await Promise.all([listener.accept(), Client(address, { authkey: 'secret' })]);
    await client.send(1729);
    t.equal(await accepted.recv(), 1729);
    await accepted.sendBytes(Buffer.from('x'));
    t.equal(await client.poll(10_000), true);
    if (Array.isArray(address)) t.match(listener.lastAccepted, [address[0], Number]);
    else t.equal(listener.lastAccepted, '');
    const waiting = t.rejects(listener.accept(), ClosedError);
    listener.close();
    listener[Symbol.dispose]();
    await waiting;
    await t.rejects(listener.accept(), ClosedError);
    await t.rejects(Client(address), {
      code: Array.isArray(address) || address.startsWith('\0') ? 'ECONNREFUSED' : 'ENOENT',
    });
    await client.send('connections stay');
    t.equal(await accepted.recv(), 'connections stay');
    client.close();
    accepted.close();
    new Listener(address).close();
  });
}

t.test('wrong addresses and options are refused', async (t) => {
  t.throws(() => new Listener('\\\\.\\pipe\\vista'), ValueError);
  await t.rejects(Client('\\\\.\\pipe\\vista'), ValueError);
  t.throws(() => new Listener(''), ValueError);
  t.throws(() => new Listener(5 as never), TypeError);
  t.throws(() => new Listener(['127.0.0.1', 70_000]), RangeError);
  t.throws(() => new Listener(['127.0.0.1', '80'] as never), TypeError);
  t.throws(() => new Listener('x'.repeat(200)), { code: 'ENAMETOOLONG' });
  t.throws(() => new Listener('/nowhere/at/all'), { code: 'ENOENT' });
  t.throws(() => new Listener(undefined, { authkey: 5 as never }), TypeError);
  t.throws(() => new Listener(undefined, { handshakeTimeout: 0 }), ValueError);
  // Python's arguments by their places.
  t.throws(() => new Listener(undefined, 'AF_INET' as never), {
    name: 'TypeError',
    message: 'Expected "options" to be an object, got "AF_INET"',
  });
  await t.rejects(Client('/nowhere', null as never), { message: 'Expected "options" to be an object, got null' });
});

t.test('a family is what the address says, and decides where there is none', async (t) => {
  for (const family of ['AF_PIPE', 'inet', '', 5]) {
    const refusal = {
      name: 'ValueError',
      message: `Expected "family" to be 'AF_INET' or 'AF_UNIX', got ${JSON.stringify(family)}`,
    };
    t.throws(() => new Listener(undefined, { family: family as never }), refusal);
    await t.rejects(Client('/nowhere', { family: family as never }), refusal);
  }
  t.throws(() => new Listener(['127.0.0.1', 0], { family: 'AF_UNIX' }), {
    name: 'ValueError',
    message: 'Expected "address" to be of the family AF_UNIX, got 127.0.0.1:0, which is AF_INET',
  });
  await t.rejects(Client('/nowhere', { family: 'AF_INET' }), {
    name: 'ValueError',
    message: /got \/nowhere, which is AF_UNIX/,
  });
  for (const [address, family, kind] of [
    [null, 'AF_INET', 'object'],
    [null, 'AF_UNIX', 'string'],
    [null, null, 'string'],
    [['127.0.0.1', 0], 'AF_INET', 'object'],
    [freshPath(), 'AF_UNIX', 'string'],
  ] as const) {
    const listener = new Listener(address, { family });
    t.equal(typeof listener.address, kind, `${address} ${family}`);
    const client = await Client(listener.address, { family });
    (await listener.accept()).close();
    client.close();
    listener.close();
  }
});

t.test('a listener without address lies where nobody else can enter, and leaves nothing', async (t) => {
  const listener = new Listener();
  const path = listener.address as string;
  t.equal(statSync(path).mode & 0o777, 0o600);
  t.equal(statSync(dirname(path)).mode & 0o777, 0o700);
  listener.close();
  t.equal(existsSync(path), false);
  const script = (end: string) =>
    `import(${JSON.stringify(import.meta.resolve('multiproc'))}).then(({ Listener }) => {
      console.log(new Listener().address); ${end} })`;
  const ends = command(t, process.execPath, { args: ['-e', script('')] });
  const left = await ends.line();
  await ends.ended;
  t.equal(existsSync(left), false, 'it is removed at the end of the program');
});

t.test('what a killed program left at a path is named in the error', async (t) => {
  const path = freshPath();
  const script = `import(${JSON.stringify(import.meta.resolve('multiproc'))}).then(({ Listener }) => {
      new Listener(${JSON.stringify(path)}); console.log('up'); setInterval(() => {}, 1000) })`;
  const victim = command(t, process.execPath, { args: ['-e', script] });
  await victim.line();
  t.throws(() => new Listener(path), { code: 'EADDRINUSE', message: /Address already in use/ });
  victim.kill();
  await victim.ended;
  t.throws(() => new Listener(path), { code: 'EADDRINUSE', message: /remove it/ });
});

t.test('an accept ends in time, by a signal, and does not lose the next client', async (t) => {
  const listener = new Listener();
  await t.rejects(listener.accept(10), TimeoutError);
  await t.rejects(listener.accept({ signal: AbortSignal.timeout(5) }), { name: 'TimeoutError' });
  const [accepted, client] = await Promise.all([listener.accept(), Client(listener.address)]);
  accepted.close();
  client.close();
  listener.close();
});

t.test('a pending accept and a pending connect end with the program when asked to', async (t) => {
  const script = `import(${JSON.stringify(import.meta.resolve('multiproc'))}).then(({ Listener }) => {
      new Listener().accept({ ref: false }) })`;
  t.strictSame(await command(t, process.execPath, { args: ['-e', script] }).ended, { code: 0, signal: null });
});

const frame = (bytes: Buffer) => {
  const header = Buffer.alloc(4);
  header.writeInt32BE(bytes.length);
  return Buffer.concat([header, bytes]);
};
const challenge = (digest: string, length = 40) =>
  Buffer.concat([Buffer.from(`#CHALLENGE#${digest}`), Buffer.alloc(length, 7)]);

/** Peers that a listener must survive: what they write when they are connected, or are asked. */
const badClients: Record<string, (socket: Socket) => void> = {
  'ends at once': (socket) => socket.end(),
  resets: (socket) => socket.resetAndDestroy(),
  'sends junk': (socket) => socket.write(Buffer.from('GET / HTTP/1.1\r\n\r\n')),
  'answers with junk': (socket) => socket.write(frame(Buffer.alloc(32, 1))),
  'answers nothing': (socket) => socket.write(frame(Buffer.alloc(0))),
  'answers too much': (socket) => socket.write(frame(Buffer.alloc(257))),
  'announces gigabytes': (socket) => socket.write(Buffer.from([0x7f, 0xff, 0xff, 0xff, 1, 2, 3])),
  'announces exabytes': (socket) =>
    socket.write(Buffer.from([255, 255, 255, 255, 127, 255, 255, 255, 255, 255, 255, 255])),
  'announces a negative length': (socket) => socket.write(Buffer.from([128, 0, 0, 0])),
  'cuts its answer off': (socket) => socket.end(Buffer.from([0, 0, 0, 40, 1, 2])),
  'answers with the digest of another key': (socket) => answerWith(socket, 'sha256', 'other'),
  'answers by MD5': (socket) => answerWith(socket, 'md5', 'secret'),
  'answers by MD5 without saying so': (socket) => answerWith(socket, 'md5', 'secret', false),
};

function answerWith(socket: Socket, digest: string, key: string, named = true): void {
  socket.once('data', (bytes) => {
    const question = (bytes as Buffer).subarray(4 + '#CHALLENGE#'.length);
    const proof = createHmac(digest, key).update(question).digest();
    socket.write(frame(named ? Buffer.concat([Buffer.from(`{${digest}}`), proof]) : proof));
  });
}

for (const [name, behave] of Object.entries(badClients)) {
  t.test(`a client that ${name} is turned away, learns nothing, and the next one is let in`, async (t) => {
    const listener = new Listener(['127.0.0.1', 0], { authkey: 'secret', handshakeTimeout: 5000 });
    const [host, port] = listener.address as [string, number];
    const refused = t.rejects(listener.accept(), AuthenticationError);
    const socket = connect(port, host, () => behave(socket));
    const got: Buffer[] = [];
    socket.on('data', (bytes) => got.push(bytes as Buffer)).on('error', () => {});
    await refused;
    if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
    const told = Buffer.concat(got).toString('latin1');
    t.notMatch(told, '#WELCOME#');
    t.equal((told.match(/#CHALLENGE#/g) ?? []).length <= 1, true);
    const [accepted, client] = await Promise.all([listener.accept(), Client(listener.address, { authkey: 'secret' })]);
    accepted.close();
    client.close();
    listener.close();
  });
}

t.test('clients that say nothing, or too slowly, keep nobody waiting and time out', async (t) => {
  const listener = new Listener(['127.0.0.1', 0], { authkey: 'secret', handshakeTimeout: 300 });
  const [host, port] = listener.address as [string, number];
  const silent = connect(port, host).on('error', () => {});
  const slow = connect(port, host).on('error', () => {});
  const trickle = setInterval(() => slow.write(Buffer.alloc(1)), 50);
  const first = listener.accept();
  const rest = Promise.allSettled([listener.accept(), listener.accept()]);
  const client = await Client(listener.address, { authkey: 'secret' });
  const accepted = await first;
  for (const outcome of await rest) t.match(outcome, { status: 'rejected' });
  clearInterval(trickle);
  for (const one of [silent, slow]) one.destroy();
  accepted.close();
  client.close();
  listener.close();
});

/** Listeners that a client must survive. */
const badListeners: Record<string, { send?: Buffer; end?: boolean; error: new (...args: never[]) => Error }> = {
  'ends at once': { end: true, error: AuthenticationError },
  'sends junk': { send: Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'), error: AuthenticationError },
  'asks nothing': { send: frame(Buffer.from('hello')), error: AuthenticationError },
  'asks for MD5': { send: frame(challenge('{md5}')), error: AuthenticationError },
  'asks for nothing in particular': { send: frame(challenge('', 20)), error: AuthenticationError },
  'asks too little': { send: frame(challenge('{sha256}', 4)), error: AuthenticationError },
  'asks too much': { send: frame(challenge('{sha256}', 300)), error: AuthenticationError },
  'welcomes without asking': { send: frame(Buffer.from('#WELCOME#')), error: AuthenticationError },
  'says nothing': { error: TimeoutError },
};

for (const [name, { send, end, error }] of Object.entries(badListeners)) {
  t.test(`a client refuses a listener that ${name}`, async (t) => {
    const got: Buffer[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => {}).on('data', (bytes) => got.push(bytes));
      if (send !== undefined) socket.write(send);
      if (end) socket.end();
    });
    const path = freshPath();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await t.rejects(Client(path, { authkey: 'secret', handshakeTimeout: 200 }), error);
    await new Promise((resolve) => server.close(resolve));
    t.equal(Buffer.concat(got).length, 0, 'nothing was told');
  });
}

// How many peers say nonsense; `npm run test:fuzz` takes more.
const rounds = Number(process.env.MULTIPROC_HANDSHAKES ?? 60);

t.test(
  'random bytes never crash a handshake, nor are they believed',
  { timeout: 100_000 + rounds * 100 },
  async (t) => {
    const path = freshPath();
    const listener = new Listener(path, { authkey: 'secret', handshakeTimeout: 1000 });
    const parts = [frame(Buffer.from('#WELCOME#')), frame(challenge('{sha256}')), Buffer.from([255, 255, 255, 255])];
    for (let round = 0; round < rounds; round++) {
      const outcome = Promise.allSettled([listener.accept()]);
      const socket = connect(path).on('error', () => {});
      for (let i = Math.floor(Math.random() * 4); i >= 0; i--) {
        const bytes = Buffer.alloc(Math.floor(Math.random() * 80));
        for (let at = 0; at < bytes.length; at++) bytes[at] = Math.floor(Math.random() * 256);
        socket.write(Math.random() < 0.4 ? (parts[i % parts.length] as Buffer) : bytes);
      }
      socket.end();
      t.match(await outcome, [{ status: 'rejected', reason: AuthenticationError }]);
      socket.destroy();
    }
    listener.close();
  },
);

const python = findPython([3, 12]);

t.test('bytes go to and fro with CPython, whoever listens', { skip: python === undefined }, async (t) => {
  const sizes = [0, 5, 16_384, 16_385, 1_000_000];
  for (const make of [freshPath, (): Address => ['127.0.0.1', 0]]) {
    const listener = new Listener(make(), { authkey: 'key é' });
    const echo = `
import sys
from multiprocessing.connection import Client
c = Client(${JSON.stringify(listener.address)} if ${typeof listener.address === 'string' ? 'True' : 'False'} else tuple(${JSON.stringify(listener.address)}), authkey='key é'.encode())
while True:
    b = c.recv_bytes()
    if b == b'bye': break
    c.send_bytes(b)
`;
    const client = command(t, (python as { command: string }).command, { args: ['-c', echo] });
    const accepted = await listener.accept();
    for (const size of sizes) {
      await accepted.sendBytes(Buffer.alloc(size, 5));
      t.ok((await accepted.recvBytes()).equals(Buffer.alloc(size, 5)));
    }
    accepted.sendBytesSync(Buffer.from('bye'));
    t.strictSame(await client.ended, { code: 0, signal: null });
    t.throws(() => accepted.recvBytesSync());
    accepted.close();
    listener.close();
  }
  const path = freshPath();
  const serve = `
from multiprocessing.connection import Listener
from multiprocessing import AuthenticationError
l = Listener(${JSON.stringify(path)}, authkey=b'secret')
print('up', flush=True)
try: l.accept()
except AuthenticationError: print('refused', flush=True)
c = l.accept()
while True:
    b = c.recv_bytes()
    if b == b'bye': break
    c.send_bytes(b)
`;
  const server = command(t, (python as { command: string }).command, { args: ['-c', serve] });
  await server.line();
  await t.rejects(Client(path, { authkey: 'wrong' }), AuthenticationError);
  t.equal(await server.line(), 'refused');
  const client = await Client(path, { authkey: 'secret' });
  for (const size of sizes) {
    client.sendBytesSync(Buffer.alloc(size, 6));
    t.ok(client.recvBytesSync().equals(Buffer.alloc(size, 6)));
  }
  await client.sendBytes(Buffer.from('bye'));
  t.strictSame(await server.ended, { code: 0, signal: null });
  client.close();
});

t.test('500 clients that connect at once are all let in, without any option', async (t) => {
  const host = program(t, 'host');
  const authkey = 'secret';
  const address = await host.ask<Address>({ kind: 'listener', address: freshPath(), authkey } satisfies HostOrder);
  const crowd = program(t, 'crowd');
  t.strictSame(await crowd.ask({ address, authkey, count: 500 } satisfies CrowdOrder), { letIn: 500, reasons: [] });
  t.strictSame(await host.ask('failures'), []);
});

t.test('clients that prove nothing do not keep others out, also where descriptors are short', async (t) => {
  for (const spare of [undefined, 40]) {
    const host = program(t, 'host');
    const authkey = 'secret';
    const order = { kind: 'listener', address: ['127.0.0.1', 0], authkey } satisfies HostOrder;
    const address = await host.ask<Address>(spare === undefined ? order : { ...order, spare });
    for (const silence of ['silent', 'half a frame', 'dripping'] as const) {
      const crowd = program(t, 'crowd');
      await crowd.ask({ address, authkey, count: 80, silence } satisfies CrowdOrder);
    }
    let client: Connection | undefined;
    while (client === undefined) client = await Client(address, { authkey }).catch(() => undefined);
    t.equal(await client.recv(), 'welcome');
    client.close();
  }
});

t.test('a listener without a free descriptor reports that, does not spin, and goes on when there is one', async (t) => {
  const host = program(t, 'host');
  const order = { kind: 'listener', address: freshPath(), authkey: 'secret', spare: 0 } satisfies HostOrder;
  const address = await host.ask<Address>(order);
  const begun = performance.now();
  const client = Client(address, { authkey: 'secret' });
  const failures: { code: unknown }[] = [];
  while (failures.length < 5) failures.push(...(await host.ask<{ code: unknown }[]>('failures')));
  t.strictSame([...new Set(failures.map(({ code }) => code))], ['EMFILE']);
  t.ok(failures.length <= (performance.now() - begun) / 20 + 2, `${failures.length} failures`);
  t.equal(await host.ask('free'), 'freed');
  t.equal(await (await client).recv(), 'welcome');
  (await client).close();
});
