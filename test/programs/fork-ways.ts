/** One fork each, by the name in the first argument; what the child does is told by its end and its output. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isMainThread, Worker } from 'node:worker_threads';
import { Lock, Value } from 'multiproc';
import { exit, fork, getpid, semOpen, semUnlink, waitpid } from 'multiproc/posix';
import { hangUp, tell } from '../harness/parent.js';

const [way = '', argument = ''] = process.argv.slice(2);
const ways: Record<string, () => unknown> = {
  'exit code'() {
    return inChild(() => exit(Number(argument)));
  },

  signal() {
    return inChild(() => {
      process.kill(process.pid, argument as NodeJS.Signals);
      return new Promise(() => setInterval(() => {}, 1000));
    });
  },

  async 'a handler of signals'() {
    // A signal to a child that has hardly begun is the child's alone, and reaches the handler that it has inherited.
    let child = false;
    let heard = 0;
    process.on('SIGTERM', () => {
      if (child) exit(7);
      heard++;
    });
    const codes = new Map<number | null, number>();
    for (let round = 0; round < 60; round++) {
      const pid = fork();
      if (pid === 0) {
        child = true;
        setInterval(() => {}, 1000);
        return undefined;
      }
      process.kill(pid, 'SIGTERM');
      const exitCode = waitpid(pid)?.exitCode ?? null;
      codes.set(exitCode, (codes.get(exitCode) ?? 0) + 1);
    }
    await nextTurn();
    return { codes: [...codes], heard };
  },

  'handlers before a natural end'() {
    return inChild(() => {
      let more = true;
      process.on('beforeExit', (code) => {
        console.log('beforeExit', code);
        if (more) setTimeout(() => console.log('more'), 1);
        more = false;
      });
      process.on('exit', (code) => {
        console.log('exit', code);
        process.exitCode = 5;
      });
    });
  },

  'a handler that throws'() {
    return inChild(() => {
      process.on('exit', () => {
        throw new Error('from the handler');
      });
      process.exit(0);
    });
  },

  'a caught exception'() {
    return inChild(() => {
      process.on('uncaughtException', (error) => {
        console.log('caught', error.message);
      });
      setImmediate(() => {
        throw new Error('to be caught');
      });
      setTimeout(() => console.log('went on'), 5);
    });
  },

  'a fork in the child'() {
    return inChild(() => {
      const outer = getpid();
      const grandchild = fork();
      if (grandchild === 0) {
        process.exitCode = process.pid === getpid() && process.ppid === outer ? 21 : 99;
      } else {
        const end = waitpid(grandchild);
        process.exitCode = end?.exitCode === 21 && process.pid === outer ? 22 : 98;
      }
    });
  },

  'a child process of the child'() {
    return inChild(() => {
      const said = execFileSync(process.execPath, ['-p', 'process.ppid'], { encoding: 'utf8' });
      process.exitCode = Number(said) === process.pid ? 23 : 99;
    });
  },

  'pending output'() {
    // Far more than a pipe takes at once: what is left is queued in this process when it forks.
    for (let i = 0; i < 20_000; i++) process.stdout.write(`parent ${i} ${'.'.repeat(60)}\n`);
    const pending = process.stdout.writableLength;
    const result = inChild(() => console.log('the child says this once'));
    return result && { pending, ...result };
  },

  'much output of the child'() {
    return inChild(() => {
      for (let i = 0; i < 20_000; i++) console.log(`child ${i} ${'.'.repeat(60)}`);
      process.exit(0);
    });
  },

  async 'a pending wait'() {
    const name = `${argument}-waits`;
    const semaphore = semOpen(name, { create: true, value: 0 });
    const waiting = semaphore.wait();
    const pid = fork();
    if (pid === 0) {
      // Neither kept alive by the parent's wait, nor does it get the permit.
      void waiting.then(() => exit(99));
      process.exitCode = (await semaphore.wait(20)) === false ? 24 : 98;
      return undefined;
    }
    const end = waitpid(pid);
    semaphore.post();
    const got = await waiting;
    semUnlink(name);
    return { end, got };
  },

  'a lock held by the parent'() {
    const lock = new Lock();
    lock.acquireSync();
    const result = inChild(() => {
      if (lock.tryAcquire()) exit(99);
      exit(lock.acquireSync(5) ? 98 : 25);
    });
    lock.release();
    return result;
  },

  'a lock of the child'() {
    const lock = new Lock();
    lock.tryAcquire();
    lock.release();
    const result = inChild(() => {
      if (!lock.tryAcquire()) exit(99);
      exit(26);
    });
    return { ...result, got: lock.acquireSync(1000), ownerDied: lock.ownerDied };
  },

  'an object closed by the parent'() {
    const gate = new Lock();
    const value = new Value('i', 7);
    gate.acquireSync();
    const pid = fork();
    if (pid === 0) {
      gate.acquireSync();
      exit(value.value === 7 ? 27 : 99);
    }
    value.close();
    const next = new Value('i', 8);
    gate.release();
    const end = waitpid(pid);
    next.close();
    return { end };
  },

  descriptors() {
    const before = readdirSync('/proc/self/fd').length;
    const ends = Array.from({ length: 10 }, () => inChild(() => exit(0)));
    return { ends: ends.length, grown: readdirSync('/proc/self/fd').length - before };
  },

  'in a Worker'() {
    const worker = new Worker(new URL(import.meta.url), { argv: ['worker', '', process.argv[4] ?? ''] });
    return new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject));
  },

  refused() {
    try {
      fork();
    } catch (error) {
      return told(error);
    }
    exit(97);
  },

  unsafe() {
    const pid = fork({ unsafe: true });
    if (pid === 0) exit(27);
    // What the child does without V8's threads is not promised, not even that it ends.
    process.kill(pid, 'SIGKILL');
    return { pid, end: waitpid(pid) };
  },
};

if (isMainThread) {
  const result = await ways[way]?.();
  if (result !== undefined) {
    await tell(result);
    hangUp();
  }
} else {
  const { parentPort } = await import('node:worker_threads');
  try {
    fork({ unsafe: true });
  } catch (error) {
    parentPort?.postMessage(told(error));
  }
}

/** Runs `work` in a child, which then ends by itself; undefined there, its end here. */
function inChild(work: () => unknown): object | undefined {
  const pid = fork();
  if (pid !== 0) return { end: waitpid(pid) };
  void work();
  return undefined;
}

function told(error: unknown): object {
  const { name, code, message } = error as NodeJS.ErrnoException;
  return { name, code, message };
}
