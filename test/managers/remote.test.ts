/** Managers over TCP: programs that share nothing but an address and a key. */
import { randomBytes } from 'node:crypto';
import { BaseManager, Lock, Process, register, SyncManager } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { command } from '../harness/program.js';
import { Calculator, putThere } from '../programs/manager-targets.js';

t.setTimeout(120_000);
t.before(() => leaveNothing(t));

// biome-ignore lint/suspicious/noExplicitAny: methods that are registered one by one have no types
type Untyped = any;

const examples = new URL('../../examples-dist/managers/', import.meta.url);

function example(scope: Parameters<typeof command>[0], name: string, args: string[]) {
  return command(scope, process.execPath, { args: [new URL(`${name}.js`, examples).pathname, ...args] });
}

t.test('two programs: a server, and clients that use its list', async (t) => {
  const server = example(t, 'remote-server', ['127.0.0.1', '0']);
  const [, port = ''] = /serving at \[ '127.0.0.1', (\d+) \]/.exec(await server.line()) ?? [];
  const client = example(t, 'remote-client', ['127.0.0.1', port]);
  t.equal(await client.line(), '[]');
  t.equal(await client.line(), '[ 1 ]');
  t.equal((await client.ended).code, 0);
  const again = example(t, 'remote-client', ['localhost', port]);
  t.equal(await again.line(), '[ 1 ]', 'the server survives its clients');
  t.equal(await again.line(), '[ 1, 1 ]');
  await again.ended;
  const stranger = example(t, 'remote-client', ['127.0.0.1', port, 'another key']);
  t.equal((await stranger.ended).code, 1);
  t.match(stranger.stderr, /AuthenticationError/);
});

/** A server in this process: clients of it use TCP all the same. */
async function serve(
  t: { teardown(handler: () => unknown): void },
  options: { limits?: object; authkey?: string; address?: [string, number] } = {},
) {
  const { address = ['127.0.0.1', 0], authkey = 'key', limits } = options;
  const server = new SyncManager({ address, authkey, limits }).getServer();
  const served = server.serveForever();
  t.teardown(async () => {
    server.stop();
    await served;
  });
  const client = new SyncManager({ address: server.address, authkey });
  await client.connect();
  return { server, client };
}

t.test('values arrive equal; what belongs to this machine, or names code, does not go', async (t) => {
  const { client } = await serve(t);
  const queue = await client.Queue();
  const values = [
    'text',
    null,
    true,
    2.25,
    'hällo wörld',
    Buffer.from([0, 255]),
    10n ** 30n,
    new Map([[1, new Date(0)]]),
  ];
  await queue.put(values);
  const other = new SyncManager({ address: client.address as [string, number], authkey: 'key' });
  await other.connect();
  t.strictSame(await queue.get(), values);
  await t.rejects(
    queue.put(() => 1),
    TypeError,
  );
  await t.rejects(queue.put(Calculator), { name: 'TypeError', message: /no module is loaded/ });
  await t.rejects(queue.put(new Calculator()), TypeError);
  const lock = new Lock();
  await t.rejects(queue.put(lock), { name: 'TypeError', message: /args\[0\] is a shared object of this machine/ });
  lock.close();
  const named = register('test.named', (n: number) => n + 1);
  await queue.put(named);
  t.equal(await queue.get(), named, 'what both sides have registered is found by its name');
  t.equal(await queue.qsize(), 0, 'the conversation goes on');
  await t.rejects(client.Semaphore(-1), { name: 'RemoteError', message: /ValueError/ });
});

t.test('a client over TCP does not say how the processes of a pool are started', async (t) => {
  const { client } = await serve(t);
  const options = { execArgv: ['--import', 'data:text/javascript,'], env: { NODE_OPTIONS: '' }, stdio: 'ignore' };
  for (const [name, value] of Object.entries(options)) {
    await t.rejects((client as Untyped).Pool(1, { [name]: value }), {
      name: 'RemoteError',
      message: `without "${name}"`,
    });
  }
});

t.test('proxies go into other objects of the same manager, and come back', async (t) => {
  const { client, server } = await serve(t);
  const inner = await client.list([1]);
  const dict = await client.dict({ inner });
  inner[Symbol.dispose]();
  const back = (await dict.get('inner')) as Untyped;
  await back.push(2);
  t.strictSame(await back.getValue(), [1, 2]);
  t.equal(server.numberOfClients, 1);
  const elsewhere = await serve(t, { authkey: 'other' });
  await t.rejects(elsewhere.client.list([inner]), TypeError, "nobody is connected to on others' behalf");
});

t.test('what one program puts, another one gets', async (t) => {
  const authkey = randomBytes(32);
  const manager = new SyncManager({ address: ['127.0.0.1', 0], authkey });
  await manager.start();
  t.teardown(() => manager.shutdown());
  const queue = await manager.Queue<unknown>();
  const item = ['text', null, true, 2.25, 'hällo wörld', Buffer.from([0, 255])];
  const child = new Process({ target: putThere, args: [queue, item] });
  child.start();
  t.strictSame(await queue.get(), item);
  await child.join();
  t.equal(child.exitCode, 0);
});

t.test('limits hold for each client', async (t) => {
  const { client } = await serve(t, { limits: { messageBytes: 100_000, nesting: 10, references: 5, calls: 3 } });
  const list = await client.list();
  await t.rejects(list.append('x'.repeat(200_000)), RangeError);
  let deep: unknown[] = [];
  for (let i = 0; i < 20; i++) deep = [deep];
  await t.rejects(list.append(deep), { name: 'RangeError', message: /limits.nesting/ });
  await list.append([[[1]]]);
  const made = await Promise.allSettled(Array.from({ length: 6 }, () => client.list()));
  t.equal(made.filter(({ status }) => status === 'fulfilled').length, 4);
  t.match(made.at(-1), { reason: { name: 'RemoteError', message: /limits.references/ } });
  const event = (made[0] as Untyped).value;
  t.equal(await event.count(1), 0);
  const full = await serve(t, { limits: { clients: 1 } });
  const second = new SyncManager({ address: full.server.address, authkey: 'key', handshakeTimeout: 5000 });
  await second.connect();
  t.pass('a second manager of this thread shares its conversation');
  for (const limits of [{ calls: 0 }, { calls: 1.5 }, { nothing: 1 }, 5]) {
    t.throws(() => new SyncManager({ limits: limits as never }));
  }
});

t.test('calls are pipelined, and one that waits holds up no other', async (t) => {
  const { client } = await serve(t);
  const queue = await client.Queue<number>();
  const dict = await client.dict();
  const taken = Promise.all(Array.from({ length: 50 }, () => queue.get()));
  await dict.set('a', 1);
  t.throws(() => dict.sync.a, { code: 'EDEADLK' }, 'the server is this very thread');
  t.equal(await dict.get('a'), 1);
  for (let i = 0; i < 50; i++) void queue.put(i);
  t.strictSame(
    (await taken).sort((a, b) => a - b),
    Array.from({ length: 50 }, (_, i) => i),
  );
});

t.test('a wait is given up by a signal, and leaves nothing taken', async (t) => {
  const { client } = await serve(t);
  const [lock, queue, condition] = [await client.Lock(), await client.Queue(), await client.Condition()];
  await lock.acquire();
  for (const wait of [
    (signal: AbortSignal) => lock.acquire({ signal }),
    (signal: AbortSignal) => queue.get({ signal }),
  ]) {
    const controller = new AbortController();
    const waiting = wait(controller.signal);
    await queue.qsize();
    controller.abort(new Error('enough'));
    await t.rejects(waiting, { message: 'enough' });
  }
  await lock.release();
  t.equal(await lock.tryAcquire(), true);
  await queue.put('kept');
  t.equal(await queue.get(), 'kept');
  await condition.acquire();
  const controller = new AbortController();
  const waiting = condition.wait({ signal: controller.signal });
  await queue.qsize();
  controller.abort(new Error('enough'));
  await t.rejects(waiting, { message: 'enough' });
  await condition.release();
  t.throws(() => queue.sync.get({ signal: controller.signal } as never), TypeError);
});

t.test('a server that was started anew at the same address is found again', async (t) => {
  const { client, server } = await serve(t);
  const old = await client.list([1]);
  server.stop();
  await t.rejects(old.getValue(), { code: /ECONNRESET|ECONNREFUSED/ });
  await t.rejects(client.list(), { code: 'ECONNREFUSED' });
  await serve(t, { address: server.address as [string, number] });
  t.strictSame(await client.list([2]).getValue(), [2]);
  await t.rejects(old.getValue(), { name: 'RemoteError', message: /not there/ });
});

t.test('serveForever ends by its signal, and once', async (t) => {
  const controller = new AbortController();
  const server = new BaseManager({ address: ['127.0.0.1', 0], authkey: 'key' }).getServer();
  const served = server.serveForever({ signal: controller.signal });
  await t.rejects(server.serveForever(), { name: 'ClosedError' });
  controller.abort();
  await served;
  await t.rejects(new SyncManager({ address: server.address, authkey: 'key' }).connect(), { code: 'ECONNREFUSED' });
});
