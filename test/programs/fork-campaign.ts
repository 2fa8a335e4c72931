/**
 * Starts many processes by fork, from every place in a program, while that has all kinds of things under way; each does a
 * bit of everything and ends in its own way. Tells what came out. Arguments: how many, how many at a time, a
 * seed, and perhaps the only place.
 */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readFile as readWithCallback,
  rmSync,
  watch,
} from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { currentProcess, Process, Semaphore, setStartMethod } from 'multiproc';
import { waitpid } from 'multiproc/posix';
import { places } from '../harness/fork-places.js';
import { hangUp, tell } from '../harness/parent.js';
import { shortWorker } from '../harness/short-worker.js';

const [count = 0, atATime = 1, seed = 1] = process.argv.slice(2).map(Number);
setStartMethod('fork');

const folder = mkdtempSync(join(tmpdir(), 'multiproc-test-'));
const strays = join(folder, 'strays');
const parent = process.pid;
let place = 'nowhere';

/** Called by everything that the parent has under way: in a child none of it may run. */
function mine(what: string): void {
  if (process.pid !== parent) appendFileSync(strays, `${what}, when started from ${place}\n`);
}

// What lasts as long as the program.
process.on('exit', () => mine('an exit handler'));
process.on('beforeExit', () => mine('a beforeExit handler'));
process.on('uncaughtException', () => mine('a handler of uncaught errors'));
process.on('unhandledRejection', () => mine('a handler of unhandled rejections'));
setInterval(() => mine('an interval'), 1);
const server = net.createServer((socket) => socket.on('data', (data) => [mine('data'), socket.write(data)]));
await once(server.listen(0), 'listening');
server.on('connection', () => mine('a connection'));
const client = net.connect((server.address() as AddressInfo).port);
await once(client, 'connect');
for (const event of ['data', 'close', 'error', 'end', 'drain']) client.on(event, () => mine(`'${event}' of a socket`));
const watcher = watch(folder, () => mine('a watcher'));
let echoed = 0;
client.on('data', (data) => {
  echoed += data.length;
});
let sent = 0;

// What is under way at the moment.
function stir(): void {
  void Promise.resolve().then(() => mine('a promise'));
  void (async () => {
    for (let i = 0; i < 3; i++) {
      await Promise.resolve();
      mine('an async function');
    }
  })();
  queueMicrotask(() => mine('a microtask'));
  process.nextTick(() => mine('a tick'));
  void setImmediate().then(() => mine('an immediate'));
  setTimeout(() => mine('a timer'), 0);
  readWithCallback(strays, () => mine('fs'));
  void readFile(import.meta.filename ?? process.argv[1]).then(() => mine('fs/promises'));
  crypto.randomBytes(16, () => mine('crypto'));
  client.write('ping', () => mine('a write'));
  sent += 4;
}

const works: Record<string, () => unknown> = {
  async timers() {
    await sleep(3);
    await setImmediate();
    await new Promise(process.nextTick);
  },
  async fs() {
    const file = join(folder, `file-${process.pid}`);
    await writeFile(file, 'text');
    assert.equal(await readFile(file, 'utf8'), 'text');
  },
  async http() {
    const serving = http.createServer((_request, response) => response.end('hello'));
    await once(serving.listen(0), 'listening');
    const { port } = serving.address() as AddressInfo;
    assert.equal(await (await fetch(`http://127.0.0.1:${port}`)).text(), 'hello');
    serving.close();
    serving.closeAllConnections();
  },
  async crypto() {
    await promisify(crypto.scrypt)('key', 'salt', 16);
    crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  },
  async import() {
    const { answer } = await import(`data:text/javascript,export const answer = ${process.pid}`);
    assert.equal(answer, process.pid);
  },
  async worker() {
    assert.equal(await shortWorker(), 20_000);
  },
  garbage() {
    let kept: unknown[] = [];
    for (let i = 0; i < 300_000; i++) {
      kept.push({ i, text: `text ${i}` });
      if (kept.length > 20_000) kept = [];
    }
    for (let i = 0; i < 4; i++) (globalThis as { gc?: () => void }).gc?.();
  },
};

const endings = {
  value: { exitCode: 0, end: () => 'a value' },
  code: { exitCode: 7, end: () => process.exit(7) },
  throw: {
    exitCode: 1,
    end: () => {
      throw new Error('planned');
    },
  },
  rejection: {
    exitCode: 1,
    end: () => {
      void Promise.reject(new Error('planned'));
      return sleep(1000);
    },
  },
  signal: { exitCode: -9, end: () => process.kill(process.pid, 'SIGKILL') },
  later: {
    exitCode: 3,
    end: () => {
      setTimeout(() => {
        process.exitCode = 3;
      }, 5);
    },
  },
};

// Python's old generator: the same children for the same seed.
let state = seed;
function draw(below: number): number {
  state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
  return (state >> 8) % below;
}

const results: Record<string, unknown>[] = [];
const drawn: unknown[] = [];
const free = new Semaphore(atATime);
const pending: Promise<void>[] = [];
// Those that a child costs; others come and go here.
const descriptors = () => {
  const ours = /pidfd|eventfd|multiproc/;
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return ours.test(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false; // It was that of the directory.
    }
  }).length;
};
let before = 0;
const names = process.argv[5] === undefined ? Object.keys(places) : [process.argv[5]];
for (let i = 0; i < count; i++) {
  await free.acquire();
  place = i < names.length ? (names[i] as string) : (names[draw(names.length)] as string);
  const doing = Array.from({ length: 2 }, () => Object.keys(works)[draw(Object.keys(works).length)] as string);
  const how = Object.keys(endings)[draw(Object.keys(endings).length)] as keyof typeof endings;
  const { exitCode, end } = endings[how];
  const child = await places[place]?.(() => {
    stir();
    const local = new Map([['a closure', i]]);
    const started = new Process({
      target: async (map: Map<string, number>) => {
        assert.equal(map, local);
        for (const work of doing) await works[work]?.();
        appendFileSync(join(folder, 'drawn'), `${Math.random()} ${crypto.randomUUID()} ${crypto.randomInt(2 ** 47)}\n`);
        assert.equal(currentProcess().pid, process.pid);
        assert.equal(process.ppid, parent);
        return end();
      },
      args: [local],
    });
    try {
      started.start();
      mine('the caller of start()');
    } finally {
      mine('a finally');
    }
    stir();
    return started;
  });
  assert(child);
  const from = place;
  const watchdog = setTimeout(() => child.kill(), 30_000);
  pending.push(
    child.join().then(() => {
      clearTimeout(watchdog);
      free.release();
      if (child.exitCode !== exitCode)
        results.push({ name: child.name, from, doing, how, expected: exitCode, got: child.exitCode });
      child.close();
    }),
  );
  if (i !== names.length) continue;
  await Promise.all(pending);
  before = descriptors();
}
await Promise.all(pending);
const nobody = (() => {
  try {
    return waitpid(-1, { noHang: true });
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
})();
drawn.push(...readFileSync(join(folder, 'drawn'), 'utf8').trimEnd().split('\n'));
let found = '';
try {
  found = readFileSync(strays, 'utf8');
} catch {
  // Nothing was written: that is what is hoped for.
}
while (echoed < sent) await once(client, 'data');
watcher.close();
rmSync(folder, { recursive: true });
await tell({ wrong: results, strays: found, nobody, drawn, grown: before === 0 ? 0 : descriptors() - before });
hangUp();
process.exit();
