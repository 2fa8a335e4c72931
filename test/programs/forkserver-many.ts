/**
 * Many children of the fork server that do what programs do, at random; tells how they ended, and what of the server grew:
 * `forkserver-many COUNT AT-ONCE`.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { isMainProcess, Process, setForkserverPreload, warmUp } from 'multiproc';
import { tell } from '../harness/parent.js';
import { shortWorker } from '../harness/short-worker.js';
import { until } from '../harness/until.js';

/** What a child may do; each says how it ends. */
const ways = {
  async timers() {
    for (let i = 0; i < 5; i++) await sleep(Math.random() * 10);
    setTimeout(() => {}, 10);
  },
  async files() {
    const folder = await mkdtemp(join(tmpdir(), 'multiproc-'));
    await Promise.all([1, 2, 3].map((i) => writeFile(join(folder, String(i)), randomBytes(10_000))));
    await readFile(join(folder, '2'));
    await rm(folder, { recursive: true });
  },
  async http() {
    const server = createServer((_, response) => response.end('x'.repeat(50_000)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await new Promise<void>((resolve, reject) => {
      get({ port, host: '127.0.0.1', agent: false }, (response) => response.resume().on('end', resolve)).on(
        'error',
        reject,
      );
    });
    server.close();
  },
  async crypto() {
    createHash('sha256').update(randomBytes(100_000)).digest();
    await crypto.subtle.digest('SHA-256', new Uint8Array(100_000));
  },
  async imports() {
    await import('node:zlib');
    await import(`data:text/javascript,export default ${process.pid}`);
  },
  async worker() {
    const worker = new Worker(
      'require("node:worker_threads").parentPort.postMessage("hello"); setInterval(() => {}, 1000)',
      {
        eval: true,
      },
    );
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
  },
  shortWorker,
  memory() {
    let kept: unknown[] = [];
    for (let i = 0; i < 300_000; i++) {
      kept.push({ i, text: `${i}` });
      if (kept.length > 50_000) kept = [];
    }
  },
  exit() {
    process.exit(7);
  },
  killed() {
    process.kill(process.pid, 'SIGKILL');
  },
} satisfies Record<string, () => unknown>;

type Way = keyof typeof ways;

const expected: Partial<Record<Way, number>> = { exit: 7, killed: -9 };

export async function go(way: Way): Promise<void> {
  await ways[way]();
}

export function server(): number {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

function start(name: string, args: unknown[] = []): Process {
  const child = new Process({ target: { module: import.meta.url, export: name }, args, context: 'forkserver' });
  child.start();
  return child;
}

async function main(count: number, atOnce: number): Promise<void> {
  setForkserverPreload(['main']);
  await warmUp();
  const pid = (await start('server').result) as number;
  const names = Object.keys(ways) as Way[];
  const wrong: unknown[] = [];
  let started = 0;
  const lane = async () => {
    while (started < count) {
      const number = started++;
      const way = names[number % names.length] as Way;
      const child = start('go', [way]);
      const exitCode = await child.exited;
      if (exitCode !== (expected[way] ?? 0)) wrong.push({ number, way, exitCode });
    }
  };
  const lanes = () => Promise.all(Array.from({ length: atOnce }, lane));
  const warm = Math.min(count, 2 * names.length);
  const all = count;
  count = warm;
  await lanes();
  const before = await state(pid);
  count = all;
  await lanes();
  const after = await state(pid);
  await tell({ started, wrong, before, after, same: pid === (await start('server').result) });
}

async function state(pid: number) {
  const childrenOf = () => readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && parentOf(entry) === pid);
  // How a child ended is known before a server that waits for a processor has reaped it.
  await until('the server has reaped its children', () => childrenOf().length === 0).catch(() => {});
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return {
    fds: readdirSync(`/proc/${pid}/fd`).length,
    ownFds: readdirSync('/proc/self/fd').length,
    children: childrenOf().length,
    megabytes: Math.round(Number(kilobytes) / 1024),
  };
}

function parentOf(pid: string): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0; // It is gone.
  }
}

if (isMainProcess) await main(Number(process.argv[2]), Number(process.argv[3]));
