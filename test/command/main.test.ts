/** The command: what it shows of objects that are held and waited for, what it removes, and its exit codes. */
import { spawnSync } from 'node:child_process';
import { Event, Lock, Process, Semaphore, SharedArray, serialize, Value } from 'multiproc';
import t from 'tap';
import { commandFile } from '../harness/command-file.js';
import { leaveNothing } from '../harness/leftovers.js';
import { freshName, Remote } from '../harness/remote.js';
import { holdOpen } from '../programs/process-targets.js';

leaveNothing(t);

function multiproc(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [commandFile, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

const parsed = (...args: string[]) => JSON.parse(multiproc(...args, '--json').stdout);

t.test('ls lists what starts with a prefix, and who has it open', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name: `${name}a` });
  const value = new Value('i', 1, { name: `${name}b` });
  const there = new Remote(t);
  await there.make('Lock', { name: `${name}a` });
  const both = [process.pid, there.pid].sort((a, b) => a - b);
  value.close();

  const [first, second, ...more] = parsed('ls', name);
  first.openers.sort((a: number, b: number) => a - b);
  t.match(first, { name: `${name}a`, kind: 'Lock', openers: both, creatorPid: process.pid, state: 'open' });
  t.match(second, { name: `${name}b`, kind: 'Value', openers: [], creatorPid: process.pid, state: 'unused' });
  t.strictSame(more, []);
  t.match(multiproc('ls', name), { status: 0, stdout: new RegExp(`^NAME .*\\n${name}a +Lock .*\\n${name}b +Value `) });
  const titles = Object.fromEntries(
    first.processes.map(({ pid, title }: { pid: number; title: string }) => [pid, title]),
  );
  t.match(titles[process.pid], /main\.test\.js/);
  t.match(multiproc('ls', name).stdout, new RegExp(`^${process.pid} +\\S*node .*main\\.test\\.js`, 'm'));
  t.match(multiproc('ls', `${name}none`), { status: 0, stdout: 'There are no shared objects.\n' });
  lock.close();
});

t.test('inspect tells who holds, how deep, and who waits', async (t) => {
  const name = freshName(t);
  const holder = new Remote(t);
  const held = await holder.make('RLock', { name });
  await held.call('acquireSync');
  await held.call('acquireSync');
  const waiter = new Remote(t);
  const waiting = await waiter.make('RLock', { name });
  const acquired = waiting.call('acquire');
  while (parsed('inspect', name).lock.waiters.length === 0);
  t.match(parsed('inspect', name), {
    kind: 'RLock',
    lock: { holder: { pid: holder.pid, alive: true }, depth: 2, ownerDied: false, waiters: [waiter.pid] },
  });
  const { status, stdout } = multiproc('inspect', name);
  t.equal(status, 0);
  for (const line of [`held by +pid ${holder.pid}`, 'depth +2', `waiting +pid ${waiter.pid}`, 'owner died +no']) {
    t.match(stdout, new RegExp(`^${line}$`, 'm'));
  }

  await holder.kill();
  await acquired;
  t.match(parsed('inspect', name).lock, { holder: { pid: waiter.pid }, depth: 1, ownerDied: true, waiters: [] });
});

t.test('ls, inspect and top name children and their program', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name });
  const begun = new Event();
  const child = new Process({ target: holdOpen, args: [lock, begun], name: 'Counter-7', daemon: true });
  child.start();
  await begun.wait();
  const title = new RegExp(`${child.pid} +Counter-7: node .*main\\.test\\.js$`, 'm');
  for (const args of [
    ['ls', name],
    ['inspect', name],
    ['top', name],
  ]) {
    const { stdout } = spawnSync(process.execPath, [commandFile, ...args], { encoding: 'utf8', input: '' });
    t.match(stdout, title, args.join(' '));
  }
  t.match(parsed('inspect', name).processes, [{ title: /./ }, { title: /./ }]);
  child.kill();
  await child.join();
  lock.close();
});

t.test('inspect tells the permits and the shape', async (t) => {
  const name = freshName(t);
  const semaphore = new Semaphore(3, { name: `${name}s`, robust: true });
  const array = new SharedArray('d', 10, { name: `${name}a` });
  semaphore.acquireSync();
  const mine = { pid: process.pid, alive: true };
  t.match(parsed('inspect', `${name}s`).semaphore, { value: 2, robust: true, holders: [mine], waiters: [] });
  t.match(parsed('inspect', `/${name}a`), { kind: 'Array', type: 'd', length: 10, lock: { holder: null, depth: 0 } });
  semaphore.release();
  semaphore.close();
  array.close();
});

t.test('sweep removes what a killed process left, and nothing before', async (t) => {
  const here = new SharedArray('B', 8192);
  const there = new Remote(t);
  const other = await there.attach(serialize(here));
  t.equal(await other.get('length'), 8192);
  const left = parsed('ls').filter(({ name, openers }: { name: string | null; openers: number[] }) => {
    return name === null && openers.includes(there.pid);
  });
  t.equal(left.length, 1);
  t.notOk(
    parsed('sweep').some(({ file }: { file: string }) => file === left[0].file),
    'not while somebody has it open',
  );
  here.close();
  await there.kill();
  // Any program's first object may have swept it meanwhile.
  for (const { file, size } of parsed('sweep')) t.match({ file, size }, { file: /^multiproc-/, size: Number });
  t.notOk(parsed('ls').some(({ file }: { file: string }) => file === left[0].file));
});

t.test('doctor looks at this machine', (t) => {
  const { checks } = parsed('doctor');
  const names = checks.map(({ name }: { name: string }) => name);
  for (const name of ['futex_waitv', '/dev/shm', 'shared memory', 'participants']) t.ok(names.includes(name), name);
  t.end();
});

t.test('doctor says what makes waiting slower here, and what helps', (t) => {
  const env = { ...process.env, MULTIPROC_NO_WAITV: '1' };
  const { status, stdout } = spawnSync(process.execPath, [commandFile, 'doctor'], { encoding: 'utf8', env });
  t.equal(status, 0);
  t.match(stdout, /^warn {2}futex_waitv +missing\n {6}.*needs Linux 5\.16/m);
  t.match(stdout, /^See the advice above\.$/m);
  t.end();
});

t.test('misuse exits with 2 and the usage, a failure with 1 and its reason', (t) => {
  for (const args of [[], ['frob'], ['inspect'], ['sweep', 'x'], ['ls', '--nope']]) {
    const { status, stdout, stderr } = multiproc(...args);
    t.equal(status, 2, args.join(' '));
    t.match(stdout + stderr, /^Usage:$/m);
  }
  t.match(multiproc('inspect', 'no.such.object'), {
    status: 1,
    stdout: '',
    stderr: /^multiproc: ENOENT: .*object'\n$/,
  });
  t.match(multiproc('inspect', 'a b'), { status: 1, stdout: '', stderr: /^multiproc: Expected "name"/ });
  t.match(multiproc('--help'), { status: 0, stdout: /^Usage:/ });
  t.end();
});
