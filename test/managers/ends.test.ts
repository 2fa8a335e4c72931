/** Managers, servers and conversations that end, or cannot begin: nothing hangs, nothing stays. */
import { once } from 'node:events';
import { statfsSync, unlinkSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Manager, SyncManager } from 'multiproc';
import t, { type Test } from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { managerPeer } from '../harness/manager-peer.js';
import { program } from '../harness/program.js';
import { until } from '../harness/until.js';

t.setTimeout(90_000);
t.before(() => leaveNothing(t));

function serve(t: Test, address?: string | [string, number]) {
  const server = new SyncManager({ address, authkey: 'key' }).getServer();
  const served = server.serveForever();
  const stop = async () => {
    server.stop();
    await served;
  };
  t.teardown(stop);
  return { server, stop };
}

t.test('a manager whose socket file was removed is shut down', async (t) => {
  const manager = await Manager();
  unlinkSync(manager.address as string);
  await manager.shutdown();
  t.equal(manager.process?.isAlive(), false);
});

t.test('what a thread had of a server over TCP is given back when it ends, however it ends', async (t) => {
  const { server } = serve(t, ['127.0.0.1', 0]);
  const manager = new SyncManager({ address: server.address, authkey: 'key' });
  await manager.connect();
  for (const how of ['return', 'terminate']) {
    const before = server.numberOfClients;
    const worker = new Worker(new URL('../programs/thread-client.js', import.meta.url), {
      workerData: { manager: server.address, how },
    });
    // Both may come in one turn of the event loop.
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    await new Promise((resolve) => worker.once('message', resolve));
    if (how === 'terminate') await worker.terminate();
    await exited;
    await until('the server has seen its end', () => server.numberOfClients === before);
    t.equal(server.numberOfClients, before);
  }
});

t.test('a manager that could not be started may be started again', async (t) => {
  const manager = new SyncManager({ address: '/nowhere/at/all' });
  for (let i = 0; i < 2; i++) await t.rejects(manager.start(), { code: 'ENOENT' });
  t.equal(inspect(manager), "<SyncManager address='/nowhere/at/all' initial>");
});

t.test('options that cannot be are refused', async (t) => {
  for (const [options, error] of [
    ['here', { name: 'TypeError', message: 'Expected "options" to be an object, got "here"' }],
    [
      { serializer: 'xmlrpclib' },
      { name: 'ValueError', message: 'Expected "serializer" to be absent: there is only one, got "xmlrpclib"' },
    ],
    [{ context: 'bogus' }, { name: 'ValueError', message: "cannot find context for 'bogus'" }],
    [{ context: {} }, { name: 'TypeError', message: /^Expected "context" to be a start method, or what/ }],
    [{ signals: 'none' }, { name: 'TypeError', message: `Expected "signals" to be 'ignore' or 'default', got "none"` }],
    [{ limits: { tasks: 1 } }, { name: 'TypeError', message: /^Unknown option "tasks" of limits\./ }],
  ] as const) {
    t.throws(() => new SyncManager(options as never), error);
  }
  const plain = new SyncManager({ serializer: null, context: null } as never);
  t.equal(inspect(plain), '<SyncManager initial>');
  await t.rejects(
    plain.start(() => {}, 'text' as never),
    { name: 'TypeError', message: /^Expected "initargs" .* got "text"$/ },
  );
});

t.test('clients that end while they are agreed with leave nothing', async (t) => {
  const { server } = serve(t);
  const used = () => {
    const { blocks, bfree, bsize } = statfsSync('/dev/shm');
    return (blocks - bfree) * bsize;
  };
  const before = used();
  for (let i = 0; i < 20; i++) {
    const client = await managerPeer(server.address, 'key');
    await client.sendBytes(Buffer.from('multiproc manager 1 memory'));
    await client.recvBytes();
    if (i % 2 === 0) await client.sendBytes(Buffer.from('stream'));
    client.close();
  }
  // Each was offered a pipe of a quarter of a megabyte.
  await until('their memory is free', () => server.numberOfClients === 0 && used() - before < 1_000_000);
});

t.test('a server that was started anew while nothing was called is found by the next call', async (t) => {
  const first = serve(t, ['127.0.0.1', 0]);
  const { address } = first.server;
  const manager = new SyncManager({ address, authkey: 'key' });
  await manager.connect();
  const list = await manager.list();
  await first.stop();
  serve(t, address);
  t.strictSame(await manager.list([1]).getValue(), [1]);
  await t.rejects(list.getValue(), { message: /not there/ });
});

t.test('whoever accepts at the address and says nothing makes calls of either form fail in time', async (t) => {
  const { server, stop } = serve(t, ['127.0.0.1', 0]);
  const options = { address: server.address, authkey: 'key', handshakeTimeout: 200 };
  const manager = new SyncManager(options);
  await manager.connect();
  const list = await manager.list();
  await stop();
  const accepted: Socket[] = [];
  const silent = createServer((socket) => accepted.push(socket.on('error', () => {})));
  silent.listen(server.address[1] as number, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => {
    silent.close();
    for (const socket of accepted) socket.destroy();
  });
  const error = { name: 'TimeoutError', message: /did not answer in time/ };
  await t.rejects(list.length, error);
  t.throws(() => list.sync.length, error);
  await t.rejects(new SyncManager(options).connect(), error);
});

t.test('a thread that would wait for its own server is told so, by whatever address it knows it', async (t) => {
  const { server } = serve(t, ['', 0]);
  const manager = new SyncManager({ address: ['127.0.0.2', server.address[1] as number], authkey: 'key' });
  await manager.connect();
  const dict = await manager.dict();
  t.throws(() => dict.sync.size, { code: 'EDEADLK' });
  t.equal(await dict.size, 0);
});

t.test('a timeout longer than any timer is kept', async (t) => {
  const { server } = serve(t, ['127.0.0.1', 0]);
  const manager = new SyncManager({ address: server.address, authkey: 'key', handshakeTimeout: 2 ** 31 });
  await manager.connect();
  t.equal(await manager.numberOfObjects(), 0);
});

t.test('a call that does not keep the program alive does not make it fail', async (t) => {
  const child = program(t, 'manager-quiet');
  t.strictSame(await child.ended, { code: 0, signal: null }, child.stderr);
});
