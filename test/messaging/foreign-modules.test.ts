/** Messages over TCP that name modules: none is loaded unless the program allowed it, nor for a message that is refused. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BaseManager, Client, type Connection, deserialize, Listener, Pipe, register, serialize } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';

leaveNothing(t);

const folder = mkdtempSync(join(tmpdir(), 'multiproc-test-'));
t.teardown(() => rmSync(folder, { recursive: true }));
const loaded = new Set<string>();
(globalThis as { loadedModules?: Set<string> }).loadedModules = loaded;

const length = 8;
let count = 0;
/** A module that says when it is loaded; all have paths of the same length. */
function fresh(): string {
  const name = `m${String(count++).padStart(length - 1, '0')}`;
  const file = join(folder, `${name}.mjs`);
  writeFileSync(
    file,
    `globalThis.loadedModules.add(import.meta.url);
export function fn() {}
export class Class { size = 1 }
export class Made {
  static [Symbol.for('multiproc.serialize')]() { return 1; }
  static [Symbol.for('multiproc.deserialize')]() { return new Made(); }
}
export class Wrong extends Error {}
`,
  );
  return pathToFileURL(file).href;
}

const known = fresh();
const { fn, Class, Made, Wrong } = await import(known);

const values: Record<string, () => unknown> = {
  'a function': () => fn,
  'a function in an object': () => ({ deep: [fn] }),
  'a class': () => [Class],
  'an instance': () => new Class(),
  'an instance that its class makes': () => new Made(),
  'the cause of an error': () => new Error('x', { cause: new Class() }),
};

/** The bytes of a value that names another module, which is not loaded. */
function naming(value: unknown, url: string): Buffer {
  const bytes = Buffer.from(serialize(value));
  for (let at = bytes.indexOf(known); at !== -1; at = bytes.indexOf(known, at + 1)) bytes.write(url, at);
  return bytes;
}

async function pair(options: { modules?: (string | URL)[] } = {}): Promise<[Connection, Connection]> {
  const listener = new Listener(['127.0.0.1', 0], { authkey: 'key', ...options });
  const both = await Promise.all([listener.accept(), Client(listener.address, { authkey: 'key', ...options })]);
  listener.close();
  return both;
}

const receivers: Record<string, (connection: Connection) => unknown> = {
  recv: (connection) => connection.recv(),
  recvSync: async (connection) => connection.recvSync(),
  'for await': async (connection) => {
    for await (const value of connection) return value;
  },
  'deserialize with modules': async (connection) => deserialize(await connection.recvBytes(), { modules: [] }),
  'another process that was given it': async (connection) => {
    const copy = deserialize(serialize(connection)) as Connection;
    return (copy.recv() as Promise<unknown>).finally(() => copy.close());
  },
};

t.test('nothing that a message names is loaded, in either role and each form', async (t) => {
  const [accepted, client] = await pair();
  for (const [from, to] of [
    [accepted, client],
    [client, accepted],
  ] as const) {
    for (const [name, make] of Object.entries(values)) {
      for (const [how, receive] of Object.entries(receivers)) {
        const url = fresh();
        await from.sendBytes(naming(make(), url));
        const refusal = await Promise.resolve(receive(to)).catch((error: unknown) => error);
        t.match(refusal, { name: 'TypeError', message: url }, `${name}, ${how}`);
        t.match(refusal, { message: /register\('name', fn\).*\{ modules: \['file:/ });
        t.notOk(loaded.has(url));
        // Nor is a module that is there already reached.
        if (how !== 'recv') continue;
        await from.send(make());
        await t.rejects(to.recv(), { name: 'TypeError', message: known });
      }
    }
    const url = fresh();
    await from.sendBytes(naming(new Wrong('kept'), url));
    t.match(await to.recv(), { name: 'Error', message: 'kept' }, 'an error is worth more than its class');
    t.notOk(loaded.has(url));
    await from.send('on');
    t.equal(await to.recv(), 'on');
  }
  accepted.close();
  client.close();
});

t.test('what the program allows, or has registered, arrives', async (t) => {
  const [path, url] = [new URL(fresh()).pathname, new URL(fresh())];
  const [accepted, client] = await pair({ modules: [path, url] });
  await client.sendBytes(naming(fn, pathToFileURL(path).href));
  t.type(await accepted.recv(), 'function');
  await accepted.sendBytes(naming(new Class(), url.href));
  t.strictSame({ ...(client.recvSync() as object) }, { size: 1 });
  t.strictSame([loaded.has(pathToFileURL(path).href), loaded.has(url.href)], [true, true]);
  const other = fresh();
  for (const trick of [other, `${url.href}?again`, url.href.replace(/m(?=0+\d+\.mjs)/, '%6d')]) {
    const bytes = naming(fn, known).toString('latin1').replace(known, trick);
    await client.sendBytes(Buffer.from(bytes, 'latin1'));
    await t.rejects(accepted.recv(), { message: /no module is loaded/ }, trick);
  }
  const named = register('test.foreign', () => 1);
  await client.send([named]);
  t.strictSame(await accepted.recv(), [named]);
  // biome-ignore lint/suspicious/noThenProperty: an await would call it
  await client.send({ then: named });
  await t.rejects(accepted.recv(), { name: 'TypeError', message: /"then"/ });
  accepted.close();
  client.close();
});

t.test('a message that is refused or damaged has loaded nothing before, not even what is allowed', async (t) => {
  const [good, bad] = [fresh(), fresh()];
  const [accepted, client] = await pair({ modules: [good] });
  const mixed = serialize([fn, Class, Made]);
  const first = mixed.indexOf(known);
  mixed.write(good, first);
  for (let at = mixed.indexOf(known); at !== -1; at = mixed.indexOf(known, at + 1)) mixed.write(bad, at);
  const damaged = naming([fn, new Made(), 'a text behind it'], good).subarray(0, -8);
  for (const receive of [receivers.recv, receivers.recvSync]) {
    await client.sendBytes(mixed);
    await t.rejects((receive as (connection: Connection) => Promise<unknown>)(accepted), { message: bad });
    await client.sendBytes(damaged);
    await t.rejects((receive as (connection: Connection) => Promise<unknown>)(accepted), {
      code: 'ERR_MULTIPROC_MESSAGE',
    });
  }
  accepted.close();
  client.close();
  const [a, b] = Pipe();
  a.sendBytesSync(damaged);
  await t.rejects(b.recv(), { code: 'ERR_MULTIPROC_MESSAGE' }, 'the same between processes of one user');
  t.strictSame([loaded.has(good), loaded.has(bad)], [false, false]);
  a.sendBytesSync(naming(fn, good));
  t.type(await b.recv(), 'function', 'which may name every module');
  t.ok(loaded.has(good));
  a.close();
  b.close();
});

t.test('what is read within a message is bound by the same rule', async (t) => {
  const inner = fresh();
  class Inner {
    size = 1;
    static [Symbol.for('multiproc.serialize')](): unknown {
      return naming(fn, inner);
    }
    static [Symbol.for('multiproc.deserialize')](bytes: Buffer): unknown {
      return [deserialize(bytes)];
    }
  }
  register('test.inner', Inner);
  const [accepted, client] = await pair();
  await client.send(new Inner());
  await t.rejects(accepted.recv(), { message: inner });
  t.notOk(loaded.has(inner));
  accepted.close();
  client.close();
});

t.test('managers keep to it in both directions', async (t) => {
  const getBox = () => ({ give: () => fn, take: (value: unknown) => typeof value });
  class M extends BaseManager.define({ getBox }) {}
  for (const allowed of [[], [known]]) {
    const options = { address: ['127.0.0.1', 0] as [string, number], authkey: 'key', modules: allowed };
    const server = new M(options).getServer();
    const served = server.serveForever();
    const client = new M({ ...options, address: server.address });
    await client.connect();
    const box = await client.getBox();
    if (allowed.length === 0) {
      await t.rejects(box.give(), { name: 'TypeError', message: known });
      await t.rejects(box.take(fn), { message: known });
    } else {
      t.equal(await box.give(), fn);
      t.equal(await box.take(fn), 'function');
    }
    server.stop();
    await served;
  }
});

t.test('the option names modules by files', async (t) => {
  for (const [modules, name] of [
    ['file:///x.js', 'TypeError'],
    [[5], 'TypeError'],
    [['./x.js'], 'ValueError'],
    [['node:fs'], 'ValueError'],
    [['data:text/javascript,1'], 'ValueError'],
  ] as const) {
    t.throws(() => new Listener(undefined, { modules: modules as never }), { name, message: /modules/ });
    await t.rejects(Client('/nowhere', { modules: modules as never }), { name, message: /modules/ });
    t.throws(() => new BaseManager({ modules: modules as never }), { name, message: /modules/ });
    t.throws(() => deserialize(serialize(1), { modules: modules as never }), { name, message: /modules/ });
  }
  t.throws(() => new Listener(undefined, { python: 'no' as never }), TypeError);
  t.throws(() => deserialize(serialize(1), { module: [] } as never), TypeError, 'a misspelt option allows nothing');
  t.strictSame([serialize(1), serialize('x')].map(deserialize as never), [1, 'x']);
});
