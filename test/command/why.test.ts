/** `multiproc why PID`: names the waits of a process, those who can end them, and deadlocks. */
import { spawnSync } from 'node:child_process';
import { Queue, Semaphore } from 'multiproc';
import t from 'tap';
import { commandFile } from '../harness/command-file.js';
import { leaveNothing } from '../harness/leftovers.js';
import type { Scope } from '../harness/program.js';
import { freshName, Remote, type RemoteObject } from '../harness/remote.js';

leaveNothing(t);

function why(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [commandFile, 'why', ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

interface Told {
  deadlock: number[] | null;
  processes: { pid: number; state: string; waits: { kind: string; name: string; by: { pid: number }[] }[] }[];
}

/** The report on the process, as soon as it waits. */
function whenWaiting(pid: number): Told {
  return untilTold(pid, (told) => (told.processes[0]?.waits.length ?? 0) > 0);
}

/** Looks until the report is as wanted. */
function untilTold(pid: number, isWanted: (told: Told) => boolean): Told {
  let out = '';
  for (let look = 0; look < 200; look++) {
    out = why(String(pid), '--json').stdout;
    const told = JSON.parse(out) as Told;
    if (isWanted(told)) return told;
  }
  throw new Error(`looked 200 times, the last report is ${out}`);
}

/** A process for each lock, which holds it; the first one waits for the second one's, and so on. */
async function ring(t: Scope, name: string, count: number): Promise<Remote[]> {
  const remotes = Array.from({ length: count }, () => new Remote(t));
  const own = await Promise.all(remotes.map((remote, i) => remote.make('Lock', { name: `${name}${i}` })));
  for (const lock of own) await lock.call('acquireSync');
  const next = await Promise.all(
    remotes.map((remote, i) => remote.make('Lock', { name: `${name}${(i + 1) % count}` })),
  );
  for (const [i, lock] of next.entries()) {
    lock.call('acquire').catch(() => {});
    whenWaiting(remotes[i]?.pid as number);
  }
  return remotes;
}

for (const count of [2, 3]) {
  t.test(`a deadlock of ${count} processes is named with its cycle`, async (t) => {
    const name = freshName(t);
    const remotes = await ring(t, name, count);
    for (const [i, { pid }] of remotes.entries()) {
      const cycle = remotes.map((_, step) => remotes[(i + step) % count]?.pid);
      t.strictSame(whenWaiting(pid).deadlock, cycle);
      const { status, stdout } = why(String(pid));
      t.equal(status, 0);
      t.match(stdout, new RegExp(`^process ${pid} .*\\n  waits for Lock '${name}${(i + 1) % count}', held by process`));
      t.match(stdout, new RegExp(`\\nDeadlock: process ${pid} waits for Lock .*, which process ${pid} holds\\.\\n$`));
    }
  });
}

t.test('a holder that is stopped is named', async (t) => {
  const name = freshName(t);
  const [holder, waiter] = [new Remote(t), new Remote(t)];
  await (await holder.make('Semaphore', 1, { name, robust: true })).call('acquireSync');
  const permits = await waiter.make('Semaphore', 1, { name, robust: true });
  permits.call('acquire').catch(() => {});
  const told = whenWaiting(waiter.pid);
  t.equal(told.deadlock, null);
  t.match(told.processes[0]?.waits, [{ kind: 'Semaphore', name, by: [{ pid: holder.pid }] }]);
  process.kill(holder.pid, 'SIGSTOP');
  // A signal stops a process at some later moment.
  untilTold(waiter.pid, (told) => told.processes.some(({ pid, state }) => pid === holder.pid && state === 'stopped'));
  t.match(why(String(waiter.pid)).stdout, /held by process \d+, which is stopped \(SIGSTOP or a debugger\)\n/);
  t.match(why(String(holder.pid)).stdout, /which is stopped .*\n {2}waits for no object of this package\n$/);
});

t.test('a reader of a queue waits for any process that has it open', async (t) => {
  const name = freshName(t);
  const queue = new Queue(1, { name });
  const reader = new Remote(t);
  const there: RemoteObject = await reader.make('Queue', 1, { name });
  const message = there.call('get');
  whenWaiting(reader.pid);
  const { stdout } = why(String(reader.pid));
  t.match(stdout, `waits for a message of Queue '${name}', which any of these may end: process ${process.pid}`);
  queue.putSync('x');
  t.equal(await message, 'x');
  there.call('put', 'y').catch(() => {});
  await there.call('put', 'z', 1).catch(() => {});
  there.call('put', 'z').catch(() => {});
  whenWaiting(reader.pid);
  t.match(why(String(reader.pid)).stdout, `waits for room for a message of Queue '${name}'`);
  queue.close();
});

t.test('a process that waits for one of a deadlock shows that deadlock', async (t) => {
  const name = freshName(t);
  const [first, second] = (await ring(t, name, 2)) as [Remote, Remote];
  const outside = new Remote(t);
  const lock = await outside.make('Lock', { name: `${name}0` });
  lock.call('acquire').catch(() => {});
  const { deadlock } = whenWaiting(outside.pid);
  t.strictSame([...(deadlock ?? [])].sort(), [first.pid, second.pid].sort());
});

t.test('a starved semaphore names its holders, if it is robust', async (t) => {
  const name = freshName(t);
  const permits = new Semaphore(1, { name });
  permits.acquireSync();
  const waiter = new Remote(t);
  const there = (await waiter.make('Semaphore', 1, { name })).call('acquire');
  whenWaiting(waiter.pid);
  const { stdout } = why(String(waiter.pid));
  t.match(stdout, `waits for a permit of Semaphore '${name}', which any of these may end: process ${process.pid}`);
  permits.release();
  await there;
  permits.close();
});

t.test('what is no process has an error', async (t) => {
  for (const wrong of ['x', '0', '-1', '1.5', ''])
    t.match(why('--', wrong), { status: 1, stderr: /Expected a process id/ });
  t.match(why('4194305'), { status: 1, stderr: /There is no process 4194305/ });
  t.match(why(), { status: 2, stderr: /usage: multiproc why PID/ });
  t.match(why(String(process.pid)).stdout, /waits for no object of this package/);
});
