/** Plain POSIX shared memory: bytes under a name, the same to C and CPython. */

import { constants } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, ftruncateSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { promisify } from 'node:util';
import v8 from 'node:v8';
import vm from 'node:vm';
import zlib from 'node:zlib';
import { type PosixSharedMemory, shmOpen, shmUnlink } from 'multiproc/posix';
import t from 'tap';
import { compile, findPython, hasCompiler } from '../harness/foreign.js';
import { program as cProgram, pythonLoop } from '../harness/foreign-programs.js';
import { leaveNothing } from '../harness/leftovers.js';
import { command, type Scope } from '../harness/program.js';

leaveNothing(t);

const compiler = hasCompiler() ? false : 'there is no C compiler';
const python = findPython([3, 8]);
const noPython = python ? false : 'there is no CPython 3.8 or newer';
const trackingPython = findPython([3, 13]);
// A /dev/shm of 1 MiB, which only the program that follows sees.
const mount = 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"';
const smallShm = ['--map-root-user', '--mount', 'sh', '-c', mount, 'sh'];
const noMount = spawnSync('unshare', [...smallShm, 'true']).status === 0 ? false : 'no file system can be mounted here';
let count = 0;

function freshName(t: Scope): string {
  const name = `test-shm-${process.pid}-${count++}`;
  t.teardown(() => {
    try {
      shmUnlink(name);
    } catch {
      // The test did it.
    }
  });
  return name;
}

function fresh(t: Scope, size: number): PosixSharedMemory {
  return shmOpen(freshName(t), { create: true, exclusive: true, size });
}

t.test('two openings of a name see the same bytes', async (t) => {
  const name = freshName(t);
  t.throws(() => shmOpen(name), { code: 'ENOENT', syscall: 'shm_open', path: `/${name}` });
  const first = shmOpen(name, { create: true, size: 5000 });
  t.equal(first.size, 5000, 'the size is exact, not a number of pages');
  t.equal(first.buffer.byteLength, 5000);
  t.equal(first.buffer, first.buffer);
  t.ok(new Uint8Array(first.buffer).every((byte) => byte === 0));
  const second = shmOpen(`/${name}`);
  t.equal(second.size, 5000);
  new Uint8Array(first.buffer).set([1, 2, 3], 4997);
  t.strictSame([...new Uint8Array(second.buffer, 4997)], [1, 2, 3]);
  t.throws(() => shmOpen(name, { create: true, exclusive: true, size: 1 }), { code: 'EEXIST' });
  t.equal(shmOpen(name, { create: true, size: 1 }).size, 5000, 'what exists keeps its size');
  shmUnlink(name);
  t.throws(() => shmUnlink(name), { code: 'ENOENT', syscall: 'shm_unlink' });
  t.equal(new Uint8Array(second.buffer)[4999], 3, 'those who have it open keep it');
});

t.test('close lets go for good and leaves other openings alone', async (t) => {
  const memory = fresh(t, 100);
  const other = shmOpen(memory.name);
  const view = new Uint8Array(memory.buffer);
  view[0] = 7;
  memory.close();
  memory.close();
  t.equal(view.length, 0);
  t.throws(() => memory.buffer, { name: 'ClosedError' });
  t.equal(memory.size, 100);
  t.equal(new Uint8Array(other.buffer)[0], 7);
  other.close();
});

t.test('an asynchronous reader survives the close of what it reads', async (t) => {
  const deflate = promisify(zlib.deflate);
  for (let i = 0; i < 3; i++) {
    const memory = fresh(t, 8 << 20);
    const bytes = new Uint8Array(memory.buffer);
    for (let at = 0; at < bytes.length; at += 64) bytes[at] = at;
    // One step for all: Node aborts when zlib wants to begin another with a buffer that was detached meanwhile.
    const work = deflate(bytes, { chunkSize: 16 << 20 });
    memory.close();
    t.ok((await work).length > 0);
  }
});

t.test('closed memory is unmapped when nothing looks at it any more, and costs no descriptor', async (t) => {
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc') as () => void;
  const settle = async () => {
    for (let i = 0; i < 5; i++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const maps = () => readFileSync('/proc/self/maps', 'latin1').split('\n').length;
  const name = freshName(t);
  shmOpen(name, { create: true, size: 1 << 20 }).close();
  await settle();
  const [mapsBefore, filesBefore] = [maps(), readdirSync('/proc/self/fd').length];
  for (let i = 0; i < 500; i++) {
    const memory = shmOpen(name);
    new Uint8Array(memory.buffer)[i] = 1;
    memory.close();
  }
  t.notMatch(readFileSync('/proc/self/maps', 'latin1'), name, 'no page is shared after close');
  await settle();
  t.ok(maps() - mapsBefore < 100, `${maps() - mapsBefore} mappings more than before`);
  t.equal(readdirSync('/proc/self/fd').length, filesBefore);
});

t.test('a buffer that was transferred stays readable after its first object is collected', async (t) => {
  const collect = vm.runInNewContext('gc') as () => void;
  let memory: PosixSharedMemory | undefined = fresh(t, 4096);
  const buffer = memory.buffer as ArrayBuffer & { transfer?(): ArrayBuffer };
  if (buffer.transfer === undefined) return t.pass('this Node has no transfer()');
  new Uint8Array(buffer)[0] = 9;
  const moved = new Uint8Array(buffer.transfer());
  memory = undefined;
  for (let i = 0; i < 5; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.equal(moved[0], 9);
});

t.test('wrong arguments are refused before anything is made', async (t) => {
  const name = freshName(t);
  for (const size of [0, -1, 1.5, Number.NaN, constants.MAX_LENGTH + 1]) {
    t.throws(() => shmOpen(name, { create: true, size }), { name: 'RangeError' }, String(size));
  }
  t.throws(() => shmOpen(name, { create: true }), { name: 'TypeError' });
  t.throws(() => shmOpen(name, { create: true, size: '9' as never }), { name: 'TypeError' });
  t.throws(() => shmOpen(name, { create: true, size: 9, mode: 0o10000 }), { name: 'RangeError' });
  t.throws(() => shmOpen(name, null as never), { name: 'TypeError' });
  t.throws(() => shmOpen(undefined as never), { name: 'TypeError' });
  for (const wrong of ['', '/', 'a/b', '//a', '..', 'a\0b', 'x'.repeat(256)]) {
    t.throws(() => shmOpen(wrong, { create: true, size: 9 }), { code: 'ERR_MULTIPROC_NAME' }, JSON.stringify(wrong));
  }
  t.throws(() => shmOpen(name), { code: 'ENOENT' });
});

t.test('the mode is given, and obeyed', async (t) => {
  const name = freshName(t);
  const before = process.umask(0o022);
  shmOpen(name, { create: true, size: 1, mode: 0o666 }).close();
  process.umask(before);
  t.equal(statSync(`/dev/shm/${name}`).mode & 0o777, 0o644);
  t.equal(statSync(`/dev/shm/${fresh(t, 1).name}`).mode & 0o777, 0o600);
});

t.test('an object without a size yet is an error for who opens it, and is given one by who creates', async (t) => {
  const name = freshName(t);
  const file = openSync(`/dev/shm/${name}`, 'wx', 0o600);
  t.throws(() => shmOpen(name), { name: 'ValueError', message: /has no bytes yet/ });
  t.equal(shmOpen(name, { create: true, size: 10 }).size, 10);
  ftruncateSync(file, 20);
  closeSync(file);
  t.equal(shmOpen(name).size, 20);
});

t.test('a full /dev/shm is ENOSPC at creation, and leaves no name', { skip: noMount }, async (t) => {
  const source = `
    const { shmOpen } = await import(${JSON.stringify(import.meta.resolve('multiproc/posix'))});
    const { readdirSync } = await import('node:fs');
    const kept = shmOpen('small', { create: true, size: 500_000 });
    let error;
    try { shmOpen('large', { create: true, size: 600_000 }); } catch (thrown) { error = thrown; }
    new Uint8Array(kept.buffer).fill(1);
    const { code, syscall, name } = error;
    console.log(JSON.stringify({ code, syscall, name, left: readdirSync('/dev/shm') }));
  `;
  const { stdout, stderr } = spawnSync(
    'unshare',
    [...smallShm, process.execPath, '--input-type=module', '--eval', source],
    { encoding: 'utf8', timeout: 30_000 },
  );
  t.strictSame(
    JSON.parse(stdout || 'null'),
    { code: 'ENOSPC', syscall: 'posix_fallocate', name: 'SystemError', left: ['small'] },
    stderr,
  );
});

t.test('no descriptor left is EMFILE', async (t) => {
  const source = `
    const { semOpen, shmOpen } = await import(${JSON.stringify(import.meta.resolve('multiproc/posix'))});
    const { openSync } = await import('node:fs');
    const codes = [];
    try { for (;;) openSync('/dev/null'); } catch (error) { codes.push(error.code); }
    for (const [open, options] of [[shmOpen, { size: 9 }], [semOpen, { value: 9 }]]) {
      try { open('test-emfile-' + process.pid, { create: true, ...options }); } catch (error) { codes.push(error.code); }
    }
    console.log(codes.join());
  `;
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', 'ulimit -n 100; exec "$@"', 'sh', process.execPath, '--input-type=module', '--eval', source],
    { encoding: 'utf8', timeout: 30_000 },
  );
  t.equal(stdout.trim(), 'EMFILE,EMFILE,EMFILE', stderr);
});

t.test('C reads what is written here, and back', { skip: compiler }, async (t) => {
  const file = compile(t, cProgram);
  const memory = fresh(t, 3000);
  new Uint8Array(memory.buffer).fill(3);
  const reader = command(t, file, { args: ['read-shm', memory.name] });
  t.equal(await reader.line(), '3000 9000');
  await reader.ended;
  t.equal(new Uint8Array(memory.buffer)[0], 200);

  const name = freshName(t);
  const maker = command(t, file, { args: ['make-shm', name] });
  t.equal(await maker.line(), 'made');
  const made = shmOpen(name);
  const bytes = new Uint8Array(made.buffer);
  t.equal(made.size, 5000);
  t.ok(bytes.every((byte, i) => byte === ((i * 7) & 255)));
  bytes[4999] = 99;
  maker.child.stdin?.write('go\n');
  t.equal(await maker.line(), '99');
});

t.test('CPython reads what is written here, and back', { skip: noPython }, async (t) => {
  const { run, line, other } = runPython(t, python?.command);
  run('from multiprocessing import shared_memory as m, resource_tracker as r');
  const memory = fresh(t, 3000);
  new Uint8Array(memory.buffer).set([1, 2, 3], 2997);
  run(`s = m.SharedMemory(${JSON.stringify(memory.name)}); r.unregister(s._name, "shared_memory")`);
  run('print(s.size, *s.buf[2997:]); s.buf[0] = 77; print("written")');
  t.equal(await line(), '3000 1 2 3');
  t.equal(await line(), 'written');
  t.equal(new Uint8Array(memory.buffer)[0], 77);

  const name = freshName(t);
  run(`p = m.SharedMemory(${JSON.stringify(name)}, create=True, size=1234); p.buf[1233] = 9; print(p.name)`);
  const made = shmOpen(await line());
  t.equal(made.size, 1234);
  t.equal(new Uint8Array(made.buffer)[1233], 9);
  new Uint8Array(made.buffer)[0] = 55;
  run('print(p.buf[0]); p.close(); p.unlink(); s.close()');
  t.equal(await line(), '55');
  other.child.stdin?.end();
  t.strictSame(await other.ended, { code: 0, signal: null }, other.stderr);
  t.ok(existsSync(`/dev/shm/${memory.name}`), 'unregistered, the segment survives the Python process');
});

t.test("CPython's resource tracker removes at its exit what it merely attached to", { skip: noPython }, async (t) => {
  const memory = fresh(t, 100);
  const { run, line, other } = runPython(t, python?.command);
  run('from multiprocessing import shared_memory as m');
  run(`s = m.SharedMemory(${JSON.stringify(memory.name)}); print(s.size); s.close()`);
  t.equal(await line(), '100');
  other.child.stdin?.end();
  await other.ended;
  t.throws(() => shmOpen(memory.name), { code: 'ENOENT' });
});

t.test(
  'with track=False the segment survives',
  { skip: trackingPython ? false : 'there is no CPython 3.13 or newer' },
  async (t) => {
    const memory = fresh(t, 100);
    const { run, line, other } = runPython(t, trackingPython?.command);
    run('from multiprocessing import shared_memory as m');
    run(`s = m.SharedMemory(${JSON.stringify(memory.name)}, track=False); print(s.size); s.close()`);
    t.equal(await line(), '100');
    other.child.stdin?.end();
    await other.ended;
    t.equal(shmOpen(memory.name).size, 100);
  },
);

function runPython(t: Scope, file = 'python3') {
  const other = command(t, file, { args: ['-u', '-c', pythonLoop] });
  return {
    other,
    run: (line: string) => other.child.stdin?.write(`${line}\n`),
    line: () => other.line(),
  };
}
