/**
 * Plants random files in /dev/shm, of every type, owner, mode and number of links, under names that this package looks at,
 * and uses the package among them. Every call has to end with a result or an error of this package.
 */

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { Lock, list, MultiprocError, Queue, SharedArray, SharedMemory, sweep, unlinkAll, Value } from 'multiproc';
import { semOpen, shmOpen } from 'multiproc/posix';

const { inspectAll } = await import(new URL('internals.js', import.meta.resolve('multiproc')).href);

const [seedText = '1', roundsText = '100'] = process.argv.slice(2);
const rounds = Number(roundsText);
const uid = process.geteuid?.() ?? 0;
const folder = '/dev/shm';
const prefix = `strange.${process.pid}.`;
const longestCall = 2000;

let state = Number(seedText) >>> 0;
function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}
function pick<T>(from: readonly T[]): T {
  return from[random(from.length)] as T;
}
function hex(length: number): string {
  return Array.from({ length }, () => random(16).toString(16)).join('');
}

const planted = new Set<string>();
/** Files that the calls may have made. */
const used = new Set<string>();
const server = createServer().unref();

/** A whole object of this package, so that some files differ from a good one in one respect only. */
function object(path: string): void {
  const name = `${prefix}model`;
  new SharedArray('i', 8, { name }).close();
  renameSync(`${folder}/multiproc-1-${uid}-${name}`, path);
}

function file(path: string): void {
  const fd = openSync(path, 'w', 0o600);
  if (random(2) === 0) writeSync(fd, Buffer.alloc(random(4096), pick(['MPROCSEG', '\0', '\xff'])));
  if (random(3) === 0) ftruncateSync(fd, pick([0, 1, 255, 256, 288, 4096, 2 ** 31, 2 ** 42]));
  closeSync(fd);
}

const plants: readonly ((path: string) => void)[] = [
  file,
  file,
  object,
  object,
  (path) => mkdirSync(path),
  (path) => execFileSync('mkfifo', [path]),
  (path) =>
    symlinkSync(pick([path, '/nowhere', '/dev/zero', '/proc/self/environ', folder, `${folder}/${pick(some())}`]), path),
  (path) => linkSync(`${folder}/${pick(some())}`, path),
  (path) => {
    if (!server.listening) server.listen(path);
  },
];

function some(): string[] {
  return planted.size === 0 ? ['missing'] : [...planted];
}

function nameFor(): string {
  return pick([
    () => `multiproc-1-${uid}-${prefix}${hex(2)}`,
    () => `multiproc-1-${uid}-${prefix}\x1b[3${random(8)}m\u202e${hex(2)}`,
    () => `multiproc-1-${uid}.${hex(24)}`,
    () => `multiproc-1-${uid}.manager.${hex(16)}`,
    () => `psm_${hex(8)}.m1.${hex(16)}`,
    () => `${prefix}${hex(2)}`,
    () => `sem.${prefix}${hex(2)}`,
  ])();
}

function plant(): void {
  const name = nameFor();
  const path = `${folder}/${name}`;
  rmSync(path, { recursive: true, force: true });
  try {
    pick(plants)(path);
    const status = lstatSync(path, { throwIfNoEntry: false });
    if (status === undefined) return;
    planted.add(name);
    if (status.isSymbolicLink()) return;
    if (random(4) === 0) chmodSync(path, pick([0, 0o400, 0o600, 0o644, 0o666, 0o4600]));
    if (uid === 0 && random(4) === 0) chownSync(path, 65_534, 65_534);
  } catch {
    // What a link names is gone, or may not be linked: there is one file less.
  }
}

const counts: Record<string, number> = {};

/** Every call may fail, but only with an error of this package, and soon. */
function use(what: string, call: () => unknown): void {
  const start = performance.now();
  let result = 'ok';
  try {
    call();
  } catch (error) {
    if (!(error instanceof MultiprocError)) throw new Error(`${what} threw a foreign error`, { cause: error });
    if (/(?![\n\t])\p{Cc}/u.test(error.message)) throw new Error(`${what} has a control character in its message`);
    result = error.code;
  }
  const took = performance.now() - start;
  if (took > longestCall) throw new Error(`${what} took ${took} ms`);
  counts[result] = (counts[result] ?? 0) + 1;
}

/** Names under which something may lie. */
function userNames(): string[] {
  return [
    ...Array.from({ length: 2 }, () => `${prefix}${hex(2)}`),
    ...[...planted].map((name) => name.replace(/^multiproc-1-\d+-|^sem\./, '')),
  ];
}

function mustWork(): void {
  const value = new Value('i', 1);
  const queue = new Queue<number>();
  queue.putSync(1);
  const memory = SharedMemory.create({ size: 64 });
  const lock = new Lock({ name: `${prefix}good` });
  lock.unlink();
  for (const each of [value, memory, lock, queue]) each.close();
  for (const { file } of [...sweep(), ...list()]) if (!lookedAt(file)) throw new Error(`${file} is not ours`);
  inspectAll();
}

/** Foreign files and odd types must not even be listed. */
function lookedAt(file: string): boolean {
  const status = lstatSync(`${folder}/${file}`, { throwIfNoEntry: false });
  return status === undefined || (status.isFile() && status.uid === uid);
}

try {
  for (let round = 0; round < rounds; round++) {
    for (let i = random(6); i >= 0; i--) plant();
    const name = pick(userNames());
    used.add(name).add(`multiproc-1-${uid}-${name}`).add(`sem.${name}`);
    use('open', () => new SharedArray('i', 8, { name }).close());
    use('create', () => Lock.create({ name }).close());
    use('memory', () => SharedMemory.open(name).close());
    use('memory, open or create', () => SharedMemory.openOrCreate({ name, size: 64 }).close());
    use('shmOpen', () => shmOpen(name, { create: true, size: 64 }).close());
    use('semOpen', () => semOpen(name).close());
    mustWork();
    if (random(8) === 0) use('unlinkAll', () => unlinkAll(prefix));
  }
  process.send?.({ counts });
} catch (error) {
  process.send?.({ error: error instanceof Error ? `${error.stack}\n${error.cause ?? ''}` : String(error) });
} finally {
  server.close();
  const left = readdirSync(folder).filter((name) => planted.has(name) || name.includes(prefix) || used.has(name));
  for (const name of left) rmSync(`${folder}/${name}`, { recursive: true, force: true });
  process.exit();
}
