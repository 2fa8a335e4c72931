/** The files of dist/ fit together: what one of them names is there, and each module is in one of them only. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import * as multiproc from 'multiproc';
import * as dummy from 'multiproc/dummy';
import * as keyv from 'multiproc/keyv';
import * as posix from 'multiproc/posix';
import * as redis from 'multiproc/redis';
import t from 'tap';

const dist = new URL('../../dist/', import.meta.url);
const programs = readdirSync(dist, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.js'));

t.test('every file that is loaded by its place is there', async (t) => {
  let named = 0;
  for (const file of programs) {
    const text = readFileSync(new URL(file, dist), 'utf8');
    for (const [, path = ''] of text.matchAll(/(?:\bfrom |\bimport\(?|new URL\()\s*'(\.[^']*)'/g)) {
      named++;
      t.ok(existsSync(new URL(path, new URL(file, dist))), `${path} of ${file}`);
    }
  }
  t.ok(named > 20);
});

t.test('each of them is loaded by another one, or a program of its own', async (t) => {
  const entries = [
    'index.js',
    'dummy/index.js',
    'keyv/index.js',
    'posix/index.js',
    'redis/index.js',
    'command/main.js',
    'internals.js',
  ];
  const loaded = new Set(entries.map((entry) => new URL(entry, dist).href));
  for (const file of programs) {
    const text = readFileSync(new URL(file, dist), 'utf8');
    for (const [, path = ''] of text.matchAll(/(?:\bfrom |\bimport\(?|new URL\()\s*'(\.[^']*)'/g)) {
      loaded.add(new URL(path, new URL(file, dist)).href);
    }
  }
  t.strictSame(
    programs.filter((file) => !loaded.has(new URL(file, dist).href)),
    [],
  );
  t.ok(programs.length < 30, 'they are few');
});

t.test('the entries share their modules', async (t) => {
  const { Pool: _pool, Process: _process, ...rest } = dummy;
  const shared = Object.entries(rest).filter(([name, value]) => name in multiproc && typeof value === 'function');
  const different = shared.filter(([name, value]) => (multiproc as Record<string, unknown>)[name] !== value);
  t.strictSame(
    different.map(([name]) => name),
    ['activeChildren', 'getAllStartMethods', 'getContext', 'getStartMethod', 'setStartMethod', 'warmUp'],
    'but for what is about processes',
  );
  t.throws(() => posix.shmOpen('/multiproc-test-that-is-not-there', { create: false } as never), multiproc.SystemError);
});

t.test('classes and functions have the names under which they are exported', async (t) => {
  const aliases: Record<string, string> = { Array: 'SharedArray', Pool: 'ThreadPool' };
  for (const entry of [multiproc, dummy, keyv, posix, redis]) {
    for (const [name, value] of Object.entries(entry)) {
      if (typeof value !== 'function') continue;
      const names: (string | undefined)[] = [name, aliases[name]];
      t.ok(names.includes((value as { name: string }).name), `${name}: ${(value as { name: string }).name}`);
    }
  }
});
