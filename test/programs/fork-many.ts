/**
 * Forks many children that do a bit of everything and end in every way, a few at a time. Tells how each was meant to
 * end and how it did, and what must differ between all of them. Arguments: how many, how many at a time.
 */
import assert from 'node:assert/strict';
import crypto, { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type ChildEnd, fork, getpid, waitpid } from 'multiproc/posix';
import { hangUp, tell } from '../harness/parent.js';
import { shortWorker } from '../harness/short-worker.js';

const [children = 0, atATime = 0] = process.argv.slice(2).map(Number);
const parent = getpid();
const folder = mkdtempSync(join(tmpdir(), 'multiproc-test-'));
const seen = join(folder, 'seen');
// The caches that a child must not draw from are filled here.
randomUUID();
Math.random();
crypto.randomInt(10);

// Loaded and compiled once, here, instead of in every child.
await exercise(-1);

const ways = ['process.exit', 'natural end', 'throw', 'rejection'] as const;
type Way = (typeof ways)[number];
const codes: Record<Way, number> = { 'process.exit': 11, 'natural end': 12, throw: 1, rejection: 1 };

const running = new Map<number, Way>();
const ends: { way: Way; expected: number; end: ChildEnd }[] = [];
let isChild = false;
for (let i = 0; i < children && !isChild; i++) {
  const way = ways[i % ways.length] as Way;
  const pid = fork();
  if (pid === 0) {
    isChild = true;
    void work(i, way);
  } else {
    running.set(pid, way);
    while (running.size >= atATime || (i === children - 1 && running.size > 0)) reap();
  }
}

if (!isChild) {
  const nobody = (() => {
    try {
      waitpid(-1);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    }
  })();
  const lines = readFileSync(seen, 'utf8').trimEnd().split('\n');
  rmSync(folder, { recursive: true });
  await tell({ ends, nobody, lines });
  hangUp();
}

function reap(): void {
  const end = waitpid(-1) as ChildEnd;
  const way = running.get(end.pid) as Way;
  running.delete(end.pid);
  ends.push({ way, expected: codes[way], end });
}

async function work(index: number, way: Way): Promise<void> {
  try {
    differs();
    await exercise(index);
    if (index % 25 === 0) assert.equal(await shortWorker(), 20_000);
  } catch (error) {
    console.error('unexpected', error);
    process.exit(99);
  }
  process.on('exit', (code) => appendFileSync(seen, `exit handler ${code}\n`));
  if (way === 'process.exit') process.exit(codes[way]);
  if (way === 'throw') setImmediate(() => fail('planned throw'));
  if (way === 'rejection') void Promise.reject(new Error('planned rejection'));
  if (way === 'natural end') process.exitCode = codes[way];
}

function fail(message: string): never {
  throw new Error(message);
}

function differs(): void {
  assert.equal(process.pid, getpid());
  assert.notEqual(process.pid, parent);
  assert.equal(process.ppid, parent);
  appendFileSync(seen, `child ${process.pid} ${Math.random()} ${randomUUID()} ${crypto.randomInt(2 ** 47)}\n`);
}

async function exercise(index: number): Promise<void> {
  const started = performance.now();
  await sleep(2);
  assert.ok(performance.now() - started >= 1);

  const file = join(folder, String(index));
  await writeFile(file, `child ${index}`);
  assert.equal(await readFile(file, 'utf8'), `child ${index}`);

  const key = await promisify(crypto.pbkdf2)('secret', 'salt', 100, 32, 'sha256');
  assert.equal(key.length, 32);

  const server = http.createServer((request, response) => response.end(`served ${request.url}`));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const body = await new Promise<string>((resolve, reject) => {
    http
      .get({ port, host: '127.0.0.1', path: `/${index}`, agent: false }, async (response) => {
        response.setEncoding('utf8');
        resolve((await response.toArray()).join(''));
      })
      .on('error', reject);
  });
  assert.equal(body, `served /${index}`);
  server.close();

  // Enough for several collections of the young and one of the old generation.
  for (let round = 0; round < 3; round++) {
    const kept = Array.from({ length: 30_000 }, (_, i) => ({ i, text: `item ${i}`, bytes: i % 100 ? null : [i] }));
    assert.equal(kept[29_999]?.text, 'item 29999');
  }
  (globalThis as { gc?: () => void }).gc?.();
}
