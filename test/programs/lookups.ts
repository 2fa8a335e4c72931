/** Forks while as many names are looked up as may be at a time; tells what children find, which look up one in their turn. */
import { execFileSync } from 'node:child_process';
import { lookup } from 'node:dns';
import { lookup as promiseLookup } from 'node:dns/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Process } from 'multiproc';
import { exit, fork, waitpid } from 'multiproc/posix';
import { tell } from '../harness/parent.js';

const watchdog = 50_000;
const folder = mkdtempSync(join(tmpdir(), 'multiproc-test-'));

/** Has two threads wait for the other end of a FIFO, where the C library looks for aliases of names. */
async function keepLookingUp(): Promise<void> {
  const fifo = join(folder, 'aliases');
  execFileSync('mkfifo', ['-m', '600', fifo]);
  process.env.HOSTALIASES = fifo;
  for (const name of ['one', 'two']) lookup(name, () => {});
  // Behind these in the queue of the pool: when they are done, both have been begun.
  for (let round = 0; round < 4; round++) await stat(folder);
  delete process.env.HOSTALIASES;
}

/** An address, or why there is none. */
async function find(name: string): Promise<string> {
  return promiseLookup(name).then(
    ({ address }) => address,
    ({ code }) => code,
  );
}

async function byProcess(): Promise<unknown> {
  const child = new Process({
    target: async () => {
      const grandchild = new Process({ target: () => find('localhost'), context: 'fork', daemon: true });
      grandchild.start();
      return [await find('localhost'), await grandchild.result, process.env.UV_THREADPOOL_SIZE];
    },
    context: 'fork',
  });
  child.start();
  setTimeout(() => child.kill(), watchdog).unref();
  return child.result;
}

async function byFork(): Promise<unknown> {
  const pid = fork();
  if (pid !== 0) return waitpid(pid)?.exitCode;
  setTimeout(exit, watchdog, 1);
  exit((await find('localhost')) === expected ? 7 : 8);
}

const expected = await find('localhost');
await keepLookingUp();
await tell({ expected, found: await byProcess(), end: await byFork() });
rmSync(folder, { recursive: true });
// The lookups go on, and Node's own end would wait for them.
exit(0);
