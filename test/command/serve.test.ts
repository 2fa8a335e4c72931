/** `multiproc serve`: metrics that Prometheus reads, a page that shows what is stuck, and who is let in. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Lock, Pool, Queue, Semaphore, SharedMap } from 'multiproc';
import t from 'tap';
import { commandFile } from '../harness/command-file.js';
import { leaveNothing } from '../harness/leftovers.js';
import { command, type Program, type Scope } from '../harness/program.js';
import { freshName, Remote } from '../harness/remote.js';
import { until } from '../harness/until.js';

t.setTimeout(240_000);
leaveNothing(t);

const folder = mkdtempSync(join(tmpdir(), 'multiproc-serve-'));
t.teardown(() => rmSync(folder, { recursive: true }));
let count = 0;

/** A server on a socket file of its own. */
async function serving(t: Scope, ...args: string[]): Promise<{ server: Program; path: string }> {
  const path = join(folder, `s${count++}`);
  const server = command(t, process.execPath, {
    args: [commandFile, 'serve', '--listen', `unix:${path}`, ...args],
    timeout: 120_000,
  });
  await server.line(/^multiproc serve: listening on unix:/);
  return { server, path };
}

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

function ask(path: string, url = '/metrics', options: object = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ socketPath: path, path: url, ...options }, (response) => {
      const { statusCode: status = 0, headers } = response;
      text(response).then((body) => resolve({ status, headers, body }), reject);
    })
      .on('error', reject)
      .end();
  });
}

/** The value of a series, by its name and the labels in their order. */
function seriesOf(metrics: string, name: string, labels: Record<string, string>): number | undefined {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const line = metrics.split('\n').find((each) => each.startsWith(`${name}{${pairs.join(',')}} `));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

t.test('metrics say what the objects are doing', async (t) => {
  const name = freshName(t);
  const lock = new Lock({ name: `${name}lock` });
  lock.acquireSync();
  const there = new Remote(t);
  (await there.make('Lock', { name: `${name}lock` })).call('acquire').catch(() => {});
  const queue = new Queue<number>(0, { name: `${name}queue` });
  queue.putManySync([1, 2, 3]);
  queue.getSync();
  const permits = new Semaphore(3, { name: `${name}sem`, robust: true });
  permits.acquireSync();
  const map = new SharedMap<string, number>({ name: `${name}map` });
  map.set('a', 1);
  const pool = new Pool(2);
  t.teardown(() => pool[Symbol.asyncDispose]());
  const { path } = await serving(t);
  const read = async () => (await ask(path)).body;
  const locked = { name: `${name}lock`, kind: 'Lock' };
  await until('the wait is seen', async () => seriesOf(await read(), 'multiproc_waiters', locked) === 1);
  const metrics = await read();
  t.equal(seriesOf(metrics, 'multiproc_holders', locked), 1);
  const queued = { name: `${name}queue`, kind: 'Queue' };
  t.equal(seriesOf(metrics, 'multiproc_queue_messages', queued), 2);
  t.equal(seriesOf(metrics, 'multiproc_queue_put_total', queued), 3);
  t.equal(seriesOf(metrics, 'multiproc_queue_taken_total', queued), 1);
  const semaphore = { name: `${name}sem`, kind: 'Semaphore' };
  t.equal(seriesOf(metrics, 'multiproc_semaphore_free', semaphore), 2);
  t.equal(seriesOf(metrics, 'multiproc_map_entries', { name: `${name}map`, kind: 'SharedMap' }), 1);
  t.match(metrics, /^multiproc_pool_workers\{name="\([^"]+\)",kind="Pool"\} 2$/m);
  t.ok((seriesOf(metrics, 'multiproc_memory_bytes', { kind: 'Queue' }) ?? 0) > 0);
  for (const object of [lock, queue, permits, map]) object.close();
});

t.test('both text formats are well formed', async (t) => {
  const name = freshName(t);
  const queue = new Queue<number>(0, { name });
  const { path } = await serving(t);
  const plain = await ask(path);
  t.match(plain.headers['content-type'], 'text/plain; version=0.0.4');
  const open = await ask(path, '/metrics', { headers: { accept: 'application/openmetrics-text; version=1.0.0' } });
  t.match(open.headers['content-type'], 'application/openmetrics-text; version=1.0.0');
  const lines = open.body.split('\n');
  t.strictSame(lines.slice(-2), ['# EOF', '']);
  const sample =
    /^multiproc_[a-z_]+(?:\{[a-z]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z]+="(?:[^"\\\n]|\\["\\n])*")*\})? \d+(?:\.\d+)?$/;
  for (const line of lines.slice(0, -2))
    t.ok(sample.test(line) || /^# (?:TYPE|UNIT|HELP) multiproc_[a-z_]+ ./.test(line), line);
  t.match(open.body, /^# TYPE multiproc_queue_put counter$/m);
  const promtool = spawnSync('promtool', ['check', 'metrics'], { input: plain.body, encoding: 'utf8' });
  if (promtool.error !== undefined) t.comment('not checked by promtool: apt-get install prometheus');
  else t.equal(promtool.status, 0, promtool.stderr);
  queue.close();
});

t.test('GET and HEAD alone, with the token if there is one, under its own name', async (t) => {
  const { path } = await serving(t, '--token', 'secret');
  t.equal((await ask(path)).status, 401);
  t.equal((await ask(path, '/metrics?token=secrets')).status, 401);
  t.equal((await ask(path, '/', { headers: { authorization: 'Bearer wrong' } })).status, 401);
  t.equal((await ask(path, '/metrics?token=secret')).status, 200);
  const headers = { authorization: 'Bearer secret' };
  t.equal((await ask(path, '/metrics', { headers })).status, 200);
  t.match(await ask(path, '/metrics', { headers, method: 'HEAD' }), { status: 200, body: '' });
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
    t.equal((await ask(path, '/', { headers, method })).status, 405);
  t.equal((await ask(path, '/other', { headers })).status, 404);
  for (const target of ['//', '//[', '/\\\\', '/%', 'http://', '*']) {
    t.equal((await ask(path, target)).status, 401, target);
    t.equal((await ask(path, target, { headers })).status, 404, target);
  }
  t.equal(statSync(path).mode & 0o777, 0o600);

  const server = command(t, process.execPath, {
    args: [commandFile, 'serve', '--listen', '127.0.0.1:0'],
    timeout: 60_000,
  });
  const port = Number(/:(\d+)\/$/.exec(await server.line(/listening on/))?.[1]);
  const from = (host: string) =>
    ask('', '/metrics', { socketPath: undefined, host: '127.0.0.1', port, headers: { host } });
  t.equal((await from(`127.0.0.1:${port}`)).status, 200);
  t.equal((await from(`localhost:${port}`)).status, 200);
  t.equal((await from('rebound.example')).status, 421);
});

t.test('it ends by a signal, and is refused where others could read it', async (t) => {
  const { server, path } = await serving(t);
  server.kill('SIGTERM');
  t.strictSame(await server.ended, { code: 0, signal: null });
  t.notOk(existsSync(path));
  const run = (...args: string[]) => spawnSync(process.execPath, [commandFile, 'serve', ...args], { encoding: 'utf8' });
  t.match(run('--listen', '0.0.0.0:0'), { status: 2, stderr: /Expected --token .* 0\.0\.0\.0:0: other machines/ });
  t.match(run('--listen', 'nowhere'), { status: 2, stderr: /Expected --listen to be HOST:PORT/ });
  t.match(run('--listen', '127.0.0.1:0', '--token', ''), { status: 2, stderr: /Expected a token/ });
  // A file that is no abandoned socket stays.
  writeFileSync(path, 'mine');
  t.match(run('--listen', `unix:${path}`), { status: 1, stderr: /EADDRINUSE/ });
  const { server: killed, path: abandoned } = await serving(t);
  killed.kill('SIGKILL');
  await killed.ended;
  const next = command(t, process.execPath, {
    args: [commandFile, 'serve', '--listen', `unix:${abandoned}`],
    timeout: 60_000,
  });
  await next.line(/listening on/);
  t.match(run('--listen', `unix:${abandoned}`), { status: 1, stderr: /EADDRINUSE/ });
});

const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const skip = chromium === undefined ? 'needs a browser: apt-get install chromium' : false;

t.test('the page shows a deadlock, and a queue nobody reads', { skip }, async (t) => {
  const { launch } = await import('puppeteer-core');
  const name = freshName(t);
  const [one, two] = [new Remote(t), new Remote(t)];
  await (await one.make('Lock', { name: `${name}a` })).call('acquireSync');
  await (await two.make('Lock', { name: `${name}b` })).call('acquireSync');
  (await one.make('Lock', { name: `${name}b` })).call('acquire').catch(() => {});
  (await two.make('Lock', { name: `${name}a` })).call('acquire').catch(() => {});
  const evil = `${name}-img`;
  const queue = new Queue<number>(0, { name: evil });
  queue.putManySync([1, 2, 3]);
  const { path } = await serving(t);
  const waiting = async () =>
    (JSON.parse((await ask(path, '/state')).body).waits as { pid: number }[]).map(({ pid }) => pid);
  await until('both wait', async () => {
    const pids = await waiting();
    return pids.includes(one.pid) && pids.includes(two.pid);
  });
  process.kill(two.pid, 'SIGSTOP');
  const server = command(t, process.execPath, {
    args: [commandFile, 'serve', '--listen', '127.0.0.1:0'],
    timeout: 120_000,
  });
  const url = /(http:\S+)$/.exec(await server.line(/listening on/))?.[1] as string;
  const browser = await launch({ executablePath: chromium as string, args: ['--no-sandbox', '--disable-gpu'] });
  t.teardown(() => browser.close());
  const page = await browser.newPage();
  const requests: string[] = [];
  const faults: string[] = [];
  page.on('request', (each) => requests.push(each.url()));
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (each) => each.type() === 'error' && faults.push(each.text()));
  await page.goto(url);
  const shown = (id: string) => page.$eval(`#${id}`, (place) => (place as unknown as { innerText: string }).innerText);
  await until('both waits are shown', async () => (await shown('stuck').catch(() => '')).includes(`Lock ${name}a`));
  const stuck = await shown('stuck');
  t.match(stuck, new RegExp(`^${one.pid} .*Lock ${name}b\\s+${two.pid} .*which is stopped`, 'm'));
  t.match(stuck, new RegExp(`^${two.pid} .*Lock ${name}a\\s+${one.pid} `, 'm'));
  t.match(await shown('queues'), new RegExp(`${evil}\\s+3`));
  // The page's policy allows no further script; a debugger is not bound by it.
  await page.evaluate(readFileSync(fileURLToPath(import.meta.resolve('axe-core')), 'utf8'));
  const { violations } = (await page.evaluate('axe.run()')) as { violations: { id: string }[] };
  t.strictSame(
    violations.map(({ id }) => id),
    [],
  );
  t.strictSame(faults, []);
  t.strictSame(
    requests.filter((each) => !each.startsWith(url) && !each.startsWith('data:')),
    [],
  );
  queue.close();
});
