/** The live view: what each look tells, that looks go on, and every way in which it ends. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Event, Lock, Pool, Queue, Semaphore, SharedMemoryManager } from 'multiproc';
import t, { type Test } from 'tap';
import { commandFile } from '../harness/command-file.js';
import { leaveNothing } from '../harness/leftovers.js';
import { freshName } from '../harness/remote.js';
import { meet } from '../programs/pool-targets.js';

leaveNothing(t);

function start(t: Test, ...args: string[]): { child: ChildProcessWithoutNullStreams; lines: AsyncIterator<string> } {
  const child = spawn(process.execPath, [commandFile, 'top', ...args], { stdio: 'pipe' });
  t.teardown(() => child.kill('SIGKILL'));
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

const next = async (lines: AsyncIterator<string>) => (await lines.next()).value as string;

t.test('each line of --json is a look at all objects with the prefix', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name: `${name}lock` });
  const queue = new Queue<number>(0, { name: `${name}queue` });
  const limit = new Semaphore(3, { name: `${name}sem`, robust: true });
  lock.acquireSync();
  limit.acquireSync();
  await queue.putMany([1, 2, 3]);

  const { child, lines } = start(t, name, '--json', '--interval', '10');
  const first = JSON.parse(await next(lines));
  t.match(first, { time: Number, participants: Number, slots: 4096, freeBytes: Number });
  const mine = { pid: process.pid, alive: true };
  t.match(first.objects, [
    { kind: 'Lock', name: `${name}lock`, openers: [process.pid], lock: { holder: mine, depth: 1, waiters: [] } },
    { kind: 'Queue', length: 3, size: Number, memory: Number },
    { kind: 'Semaphore', semaphore: { value: 2, holders: [mine] } },
  ]);

  t.ok(first.objects[1].memory < first.objects[1].size, 'a queue takes what it needs of its capacity');

  // Later looks see what changed since.
  const late = new Event({ name: `${name}event` });
  lock.release();
  let seen = JSON.parse(await next(lines));
  while (seen.objects.length < 4 || seen.objects[1].lock.holder !== null) seen = JSON.parse(await next(lines));
  t.match(seen.objects[0], { kind: 'Event', event: { set: false } });
  child.stdin.write('q');
  t.strictSame(await once(child, 'exit'), [0, null]);
  limit.release();
  for (const object of [lock, queue, limit, late]) object.close();
});

t.test('it shows pools, and what is in their queues', async (t) => {
  const [arrived, release] = [new Queue<string>(), new Queue<string>()];
  const pool = new Pool(2);
  t.teardown(() => pool.terminate());
  const task = pool.apply(meet, [arrived, release]);
  await arrived.get();
  const { child, lines } = start(t, '--json', '--interval', '10');
  const { objects } = JSON.parse(await next(lines));
  t.match(
    objects.filter(({ kind }: { kind: string }) => kind === 'Pool'),
    [{ name: null, pool: { workers: 2, busy: 1 } }],
  );
  t.ok(
    objects
      .filter(({ kind }: { kind: string }) => kind === 'Queue')
      .every(({ length }: { length: unknown }) => length === 0),
  );
  child.stdin.end('q');
  await once(child, 'exit');
  await release.put('go on');
  await task;
  pool.close();
  await pool.join();
  for (const queue of [arrived, release]) queue.close();
});

t.test('it ends at q, at the end of its input, at signals, and when nobody reads', async (t) => {
  const ways: Record<string, (child: ChildProcessWithoutNullStreams) => unknown> = {
    q: (child) => child.stdin.write('q'),
    'Ctrl-C as a terminal sends it': (child) => child.stdin.write('\x03'),
    'the end of the input': (child) => child.stdin.end(),
    SIGINT: (child) => child.kill('SIGINT'),
    SIGTERM: (child) => child.kill('SIGTERM'),
    'a closed pipe': (child) => child.stdout.destroy(),
  };
  for (const [way, end] of Object.entries(ways)) {
    const { child, lines } = start(t, freshName(t), '--interval', '20');
    t.match(await next(lines), /^multiproc top .* 0 objects/, way);
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    const ended = once(child, 'exit');
    end(child);
    t.strictSame(await ended, [0, null], way);
    t.equal(stderr, '', way);
  }
});

t.test('the table names holders, and what is in a queue', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name: `${name}a` });
  const queue = new Queue<string>(0, { name: `${name}b` });
  lock.acquireSync();
  await queue.put('x');
  const { status, stdout } = spawnSync(process.execPath, [commandFile, 'top', name], { encoding: 'utf8', input: '' });
  t.equal(status, 0);
  t.match(stdout, new RegExp(`^${name}a +Lock .* ${process.pid} +${process.pid} +-`, 'm'));
  t.match(stdout, new RegExp(`^${name}b +Queue .* 1 messages$`, 'm'));
  t.notMatch(stdout, '\x1b', 'no terminal, no control sequences');
  lock.release();
  for (const object of [lock, queue]) object.close();
});

t.test('on a terminal it has a screen of its own, and gives it back', async (t) => {
  // script(1) gives the command a terminal; what it is given and what it prints pass through pipes.
  const command = `'${process.execPath}' '${commandFile}' top ${freshName(t)} --interval 20`;
  const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  let screen = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
    if (screen.split('multiproc top').length > 2 && !child.stdin.writableEnded) child.stdin.end('q');
  });
  t.strictSame(await once(child, 'close'), [0, null]);
  t.ok(screen.includes('\x1b[?1049h\x1b[?25l'), 'a screen of its own, without a cursor');
  t.ok(screen.endsWith('\x1b[?25h\x1b[?1049l'), 'both are given back');
});

t.test('misuse is told', async (t) => {
  for (const args of [
    ['top', 'a', 'b'],
    ['top', '--interval', '0'],
    ['top', '--interval', '1.5'],
    ['top', '--interval', 'x'],
    ['ls', '--interval', '100'],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, [commandFile, ...args], { encoding: 'utf8', input: '' });
    t.equal(status, 2, args.join(' '));
    t.match(stderr, /^Usage:$/m);
  }
});

t.test('ls shows what managers made, and whether they live', async (t) => {
  const manager = new SharedMemoryManager();
  await manager.start();
  const memory = manager.SharedMemory(5000);
  const file = memory.name;
  memory.close();
  const ls = () => JSON.parse(spawnSync(process.execPath, [commandFile, 'ls', '--json'], { encoding: 'utf8' }).stdout);
  t.match(
    ls().filter((each: { file: string }) => each.file === file),
    [{ name: null, kind: 'managed memory', size: 5000, state: 'unused' }],
  );
  t.ok(
    ls().some(
      (each: { kind: string; openers: number[] }) => each.kind === 'manager' && each.openers.includes(process.pid),
    ),
  );
  await manager.shutdown();
  t.strictSame(
    ls().filter((each: { file: string }) => each.file === file),
    [],
  );
});
