/** The storage adapter for Keyv: the public conformance suite, several processes, namespaces, expiry, and what it closes. */
import { fileURLToPath } from 'node:url';
import Keyv from 'keyv';
import { SharedMap } from 'multiproc';
import { KeyvSharedMap } from 'multiproc/keyv';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { command } from '../harness/program.js';
import { freshName, Remote } from '../harness/remote.js';

leaveNothing(t);

const root = fileURLToPath(new URL('../../', import.meta.url));

t.test('the conformance suite of storage adapters passes', async (t) => {
  const args = [`${root}node_modules/vitest/vitest.mjs`, 'run', '--root', `${root}test/keyv`, '--reporter=tap-flat'];
  const suite = command(t, process.execPath, { args, env: { NO_COLOR: '1' }, timeout: 110_000 });
  const lines: string[] = [];
  const isRead = (async () => {
    for (;;) lines.push(await suite.line());
  })().catch(() => {});
  const ending = await suite.ended;
  await isRead;
  t.strictSame(ending, { code: 0, signal: null }, `${lines.join('\n')}\n${suite.stderr}`);
  t.strictSame(
    lines.filter((line) => /^not ok|# (SKIP|TODO)/i.test(line)),
    [],
  );
  // 38 of the suite, and 4 of iterators.
  t.equal(lines.filter((line) => /^ok /.test(line)).length, 42);
});

t.test('what one process sets another one gets', async (t) => {
  const name = freshName(t);
  const keyv = new Keyv({ store: new KeyvSharedMap({ name }), namespace: 'users' });
  await keyv.set('ada', { age: 36 });
  const other = new Remote(t);
  const map = await other.make('SharedMap', { name });
  t.equal(await map.call('get', 'users:ada'), '{"value":{"age":36}}');
  await map.call('getOrInsert', 'users:grace', '{"value":1}');
  t.equal(await keyv.get('grace'), 1);
  t.strictSame(await keyv.get(['ada', 'no such key', 'grace']), [{ age: 36 }, undefined, 1]);
  t.equal(await map.call('delete', 'users:ada'), true);
  t.equal(await keyv.has('ada'), false);
  await keyv.disconnect();
  await t.rejects(keyv.store.get('x'), { code: 'ERR_MULTIPROC_CLOSED' }, 'a map that it has opened is closed');
  const again = new KeyvSharedMap({ name });
  t.equal(again.map.get('users:grace'), '{"value":1}', 'the entries stay');
  await again.disconnect();
});

t.test('each namespace of one map is cleared and iterated alone', async (t) => {
  using map = new SharedMap<string, unknown>();
  const [one, other] = ['one', 'two'].map((namespace) => new Keyv({ store: new KeyvSharedMap(map), namespace })) as [
    Keyv,
    Keyv,
  ];
  map.set(5 as never, 'of the program itself');
  await one.set('a', 1);
  await other.set('a', 2);
  await new Keyv({ store: new KeyvSharedMap(map), namespace: 'on' }).clear();
  const found: [string, unknown][] = [];
  for await (const entry of (one.iterator as () => AsyncGenerator<[string, unknown]>)()) found.push(entry);
  t.strictSame(found, [['a', 1]]);
  await other.clear();
  t.equal(await other.get('a'), undefined);
  t.equal(await one.get('a'), 1);
  t.equal(map.get(5 as never), 'of the program itself');
  const bare = new KeyvSharedMap(map);
  await bare.clear();
  t.equal(map.size, 0, 'without a namespace the whole map');
  await bare.disconnect();
  t.equal(map.size, 0, 'a map that was given stays open');
});

t.test('ttl is that of Keyv, or else of the map', async (t) => {
  const store = new KeyvSharedMap({ ttl: 60_000 });
  const keyv = new Keyv({ store });
  await keyv.set('short', 1, 20);
  await keyv.set('fraction', 1, 20.5);
  await keyv.set('long', 2, 120_000);
  await keyv.set('past', 3);
  await keyv.set('past', 4, -5);
  t.equal(await keyv.has('past'), false, 'what has expired already goes');
  while (store.map.has('keyv:short') || store.map.has('keyv:fraction')) await new Promise(setImmediate);
  t.equal(await keyv.get('short'), undefined);
  t.equal(await keyv.get('long'), 2);
  t.strictSame(await keyv.setMany([{ key: 'x', value: 1 }]).then(() => keyv.get('x')), 1);
  await keyv.disconnect();
});

t.test('without serialisation values are those of the map, and errors reach the caller', async (t) => {
  const keyv = new Keyv({ store: new KeyvSharedMap(), throwOnErrors: true });
  keyv.on('error', () => {});
  keyv.serialize = undefined;
  keyv.deserialize = undefined;
  await keyv.set('value', new Map([[1, new Date(5)]]));
  t.strictSame(await keyv.get('value'), new Map([[1, new Date(5)]]));
  await t.rejects(keyv.set('x'.repeat(1025), 1), { name: 'RangeError', message: /at most 1024 bytes/ });
  await t.rejects(
    keyv.set('fn', () => 1),
    { name: 'TypeError' },
  );
  await keyv.disconnect();
  t.throws(() => new KeyvSharedMap(new Map() as never), { name: 'TypeError', message: /Expected a SharedMap/ });
  t.throws(() => new KeyvSharedMap({ capacty: 1 } as never), { message: /Did you mean "capacity"/ });
});
