/** ShareableList: its slots, what fits them, and the same list in CPython. */
import { spawnSync } from 'node:child_process';
import { deserialize, type Shareable, ShareableList, SharedMemory, serialize } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import type { Scope } from '../harness/program.js';
import { pythons } from '../harness/pythons.js';

t.before(() => leaveNothing(t));

let made = 0;
function name(t: Scope): string {
  const mine = `test-list-${process.pid}-${made++}`;
  t.teardown(() => {
    try {
      ShareableList.unlink(mine);
    } catch {
      // The test itself has unlinked it, or never made it.
    }
  });
  return mine;
}

const values: Shareable[] = [
  'howdy',
  Buffer.from('HoWdY'),
  -273.154,
  100,
  null,
  true,
  false,
  2n ** 62n,
  '',
  'é€😀',
  -5,
];

t.test('slots hold what was put in', async (t) => {
  const list = new ShareableList(values);
  t.equal(list.length, values.length);
  t.strictSame([...list], values);
  t.equal(list.format, '8s8sdqxxxxxx?xxxxxxxx?xxxxxxx?q8s16sq');
  t.equal(list.at(-1), -5);
  t.equal(list.count(100), 1);
  t.equal(list.count(1), 1, 'true is 1, as in Python');
  t.equal(list.count(0), 1);
  t.equal(list.index('howdy'), 0);
  t.equal(list.index(Buffer.from('HoWdY')), 1);
  t.equal(list.index(null), 4);
  t.throws(() => list.index('absent'), { name: 'ValueError' });
  t.throws(() => list.index(Number.NaN), { name: 'ValueError' });
  for (const index of [11, -12, Infinity]) {
    t.throws(() => list.at(index), index === Infinity ? TypeError : RangeError);
    t.throws(() => list.set(index, 1), index === Infinity ? TypeError : RangeError);
  }
  t.throws(() => list.at('0' as never), TypeError);
  const again = deserialize(serialize(list)) as ShareableList;
  t.ok(again instanceof ShareableList);
  again.set(0, 'hello');
  t.equal(list.at(0), 'hello');
  again.close();
  list.close();
  list.close();
  t.throws(() => list.at(0), { name: 'ClosedError' });
  t.throws(() => list.set(0, 1), { name: 'ClosedError' });
  t.throws(() => list.length, { name: 'ClosedError' });
  t.throws(() => serialize(list), { name: 'ClosedError' });
});

t.test('a slot takes what fits it, and nothing else changes it', async (t) => {
  const list = new ShareableList(['12345678', 1, 0.5, Buffer.alloc(3, 1), null]);
  t.equal(list.format, '16sqd8sxxxxxx?x');
  list.set(0, 'a'.repeat(16));
  t.equal(list.at(0), 'a'.repeat(16));
  list.set(0, 'b');
  t.equal(list.at(0), 'b', 'nothing is left of what was longer');
  for (const value of ['a'.repeat(17), 'é'.repeat(9), Buffer.alloc(17, 1)]) {
    t.throws(() => list.set(0, value), { name: 'ValueError' });
    t.equal(list.at(0), 'b');
  }
  t.throws(() => list.set(1, '123456789'), { name: 'ValueError' });
  for (const [wrong, error] of [
    [2n ** 63n, RangeError],
    [[], TypeError],
    [undefined, TypeError],
    [{}, TypeError],
  ] as const) {
    t.throws(() => list.set(1, wrong as never), error);
    t.throws(() => new ShareableList([wrong as never]), error);
  }
  t.equal(list.at(1), 1);
  list.set(2, 3);
  t.equal(list.format.slice(3, 5), 'qd', 'a float stays one');
  for (const value of [5, -0.25, true, null, 'text', Buffer.from('x'), -(2n ** 63n)]) {
    list.set(1, value);
    t.strictSame(list.at(1), value);
    t.strictSame([list.at(0), list.at(2)], ['b', 3]);
  }
  list.close();
  t.throws(() => new ShareableList(5 as never), TypeError);
});

t.test('lists by name', async (t) => {
  const mine = name(t);
  const list = new ShareableList([1, 2], { name: mine });
  t.equal(list.name, mine);
  t.throws(() => new ShareableList([1], { name: mine }), { code: 'EEXIST' });
  t.throws(() => ShareableList.create(null, { name: mine }), { code: 'EEXIST' });
  const opened = new ShareableList(undefined, { name: mine });
  const other = ShareableList.open(mine);
  opened.set(1, 5);
  t.strictSame([...other], [1, 5]);
  list.unlink();
  t.throws(() => ShareableList.open(mine), { code: 'ENOENT' });
  for (const each of [list, opened, other]) each.close();
  const empty = new ShareableList();
  t.equal(empty.length, 0);
  t.equal(empty.format, '');
  t.throws(() => empty.at(0), RangeError);
  empty.close();
});

t.test('memory that is no list, or a damaged one, is an error', async (t) => {
  const mine = name(t);
  for (const words of [[5n], [-1n, 0n], [2n ** 62n, 0n], [1n, 0n, -8n], [1n, 8n, 8n], [1n, 0n, 2n ** 40n]]) {
    const memory = SharedMemory.create({ name: mine, size: 64 });
    new BigInt64Array(memory.buffer).set(words);
    t.throws(() => ShareableList.open(mine), { code: 'ERR_MULTIPROC_KIND' }, words.join());
    memory.close();
    memory.unlink();
  }
  const list = new ShareableList([1], { name: mine });
  list.shm.bytes.set(Buffer.from('99s'), 32);
  t.throws(() => list.at(0), { name: 'ValueError' });
  list.close();
});

const there = pythons();
if (there.length === 0) t.test('CPython has the same list', { skip: 'no CPython with shared_memory' }, async () => {});

for (const { file: python, version } of there) {
  t.test(`CPython ${version} has the same list`, async (t) => {
    // A program that ends would remove what it merely opened.
    const start = `
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import ShareableList
def leave(list):
    resource_tracker.unregister('/' + list.shm.name, 'shared_memory')
    list.shm.close()
`;
    const run = (source: string) => {
      const { stdout, stderr, status } = spawnSync(python, ['-c', start + source], { encoding: 'utf8' });
      t.equal(status, 0, stderr);
      return stdout.trim();
    };
    const ours = new ShareableList(values, { name: name(t) });
    const seen = run(`
list = ShareableList(name='${ours.name}')
print([*list], list.format)
list[0] = 'bye'
list[1] = b'by'
list[2] = 5
list[3] = 0.5
list[4] = True
list[5] = None
list[6] = 'text'
leave(list)
`);
    t.equal(
      seen,
      "['howdy', b'HoWdY', -273.154, 100, None, True, False, 4611686018427387904, '', 'é€😀', -5] " +
        '8s8sdqxxxxxx?xxxxxxxx?xxxxxxx?q8s16sq',
    );
    t.strictSame([...ours].slice(0, 7), ['bye', Buffer.from('by'), 5, 0.5, true, null, 'text']);
    ours.close();

    const theirs = name(t);
    run(`leave(ShareableList(['12345678', b'ab', 1.5, -7, None, True, 2**62], name='${theirs}'))`);
    const list = ShareableList.open(theirs);
    t.strictSame([...list], ['12345678', Buffer.from('ab'), 1.5, -7, null, true, 2n ** 62n]);
    t.equal(list.format, '16s8sdqxxxxxx?xxxxxxxx?q');
    for (const [i, value] of ['short', Buffer.from('cd'), 2, 'word', false, null, -0.5].entries()) list.set(i, value);
    t.equal(
      run(`list = ShareableList(name='${theirs}')\nprint([*list], list.format)\nleave(list)`),
      `['short', b'cd', 2.0, 'word', False, None, -0.5] ${list.format}`,
    );
    list.close();
  });
}
