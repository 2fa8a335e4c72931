/**
 * A service of three cluster workers with one pool and one limit, under load: however it is stopped, and whichever of its parts is
 * killed, every request is answered or fails with a named error, and nothing is left.
 *
 * MULTIPROC_SERVICE_ROUNDS: how often each part is killed, instead of once.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { fileURLToPath } from 'node:url';
import { list, sweep, unlinkAll } from 'multiproc';
import t, { type Test } from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { Program } from '../harness/program.js';
import { until } from '../harness/until.js';

t.setTimeout(600_000);
leaveNothing(t);

const file = fileURLToPath(new URL('../../examples-dist/services/cluster.js', import.meta.url));
const rounds = Number(process.env.MULTIPROC_SERVICE_ROUNDS ?? 1);

/** Every process whose environment has the service's name, and which runs. */
function processesOf(app: string): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!(pid > 0) || pid === process.pid) continue;
    try {
      if (/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${entry}/stat`, 'latin1'))) continue;
      if (!readFileSync(`/proc/${entry}/environ`, 'latin1').split('\0').includes(`APP=${app}`)) continue;
      found.push({ pid, command: readFileSync(`/proc/${entry}/cmdline`, 'latin1').replaceAll('\0', ' ') });
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

class Service {
  readonly app: string;
  readonly program: Program;
  readonly pid: number;
  port = 0;
  /** What came of the requests: `'200'`, a named error of the service, or the code of a connection that broke. */
  readonly outcomes = new Map<string, number>();
  #isStopping = false;
  #clients: Promise<void>[] = [];
  readonly #agent = new Agent({ keepAlive: false });

  constructor(t: Test, wrapper: readonly string[] = []) {
    this.app = `test.service.${process.pid}.${Math.random().toString(36).slice(2, 8)}`;
    const [executable = '', ...args] = [...wrapper, process.execPath, file];
    const child: ChildProcess = spawn(executable, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, APP: this.app },
    });
    this.program = new Program(t, child, 'cluster', 300_000);
    this.pid = this.program.pid;
    // Also where an assertion has failed before.
    t.teardown(() => {
      for (const { pid } of processesOf(this.app)) process.kill(pid, 'SIGKILL');
      unlinkAll(this.app);
    });
  }

  async start(clients = 12): Promise<void> {
    for (let i = 0; i < 3; i++) this.port = Number((await this.program.line(/^listening/)).split(' ')[1]);
    this.#clients = Array.from({ length: clients }, (_, i) => this.#load(i));
    await this.answered(50);
  }

  /** Waits for further good answers. */
  async answered(more: number): Promise<void> {
    const before = this.outcomes.get('200') ?? 0;
    await until(`${more} answers of ${this.app}`, () => (this.outcomes.get('200') ?? 0) >= before + more);
  }

  /** No client begins anything more; resolves when all have their outcomes. */
  async quiet(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#clients);
  }

  async #load(first: number): Promise<void> {
    for (let n = first; !this.#isStopping; n++) {
      const outcome = await this.#request(n);
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
      if (outcome === 'ECONNREFUSED') await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #request(n: number): Promise<string> {
    return new Promise((resolve) => {
      const request = get({ host: '127.0.0.1', port: this.port, path: `/${n}`, agent: this.#agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unnamed'));
        response.on('end', () => {
          const { result, name } = JSON.parse(text) as { result?: number; name?: string };
          if (response.statusCode === 200) resolve(result === n * n ? '200' : `wrong: ${result} for ${n}`);
          else resolve(name ?? 'unnamed');
        });
      });
      // A watchdog: no outcome may be this.
      request.setTimeout(120_000, () => resolve('no answer'));
      request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unnamed'));
    });
  }

  part(what: 'worker' | 'host' | 'pool worker'): number {
    const all = processesOf(this.app);
    const pattern = { worker: file, host: `pool ${this.app}.pool`, 'pool worker': 'PoolWorker-' }[what];
    const found = all.find(({ pid, command }) => pid !== this.pid && matches(command, what, pattern));
    if (found === undefined) throw new Error(`no ${what} among ${JSON.stringify(all)}`);
    return found.pid;
  }

  async nothingIsLeft(t: Test): Promise<void> {
    await until(`all processes of ${this.app} have ended`, () => processesOf(this.app).length === 0);
    sweep();
    t.strictSame(
      list(`${this.app}`).map(({ name, openers }) => [name, openers]),
      [[`${this.app}.limit`, []]],
      'only the named limit, which lasts until it is unlinked',
    );
    t.strictSame(
      readdirSync('/dev/shm').filter((entry) => entry.includes(`pool.${this.app}`)),
      [],
    );
  }
}

function matches(command: string, what: string, pattern: string): boolean {
  if (what === 'worker') return command.startsWith(process.execPath) && command.includes(pattern);
  return command.startsWith(pattern) || (what === 'pool worker' && command.includes(pattern));
}

/** The service ends by itself, and each of its servers has answered what it accepted. */
async function endsWell(t: Test, { program }: Service): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const [, answered, , accepted] = (await program.line(/^answered/)).split(' ');
    t.equal(answered, accepted);
  }
  t.strictSame(await program.ended, { code: 0, signal: null }, program.stderr);
}

/** Outcomes of a good stop: what was not accepted was refused, and nothing else. */
const stopped = new Set(['200', 'ECONNREFUSED', 'ECONNRESET']);
/** What those are told who had their work with a part that was killed. */
const named = new Set([...stopped, 'WorkerLostError', 'EPIPE', 'ECONNABORTED']);

function outcomesAre(t: Test, service: Service, allowed: ReadonlySet<string>): void {
  t.strictSame(
    [...service.outcomes.keys()].filter((outcome) => !allowed.has(outcome)),
    [],
    JSON.stringify([...service.outcomes]),
  );
}

t.test('SIGTERM to the process group: what was accepted is answered', async (t) => {
  const service = new Service(t);
  await service.start();
  process.kill(-service.pid, 'SIGTERM');
  await endsWell(t, service);
  await service.quiet();
  outcomesAre(t, service, stopped);
  await service.nothingIsLeft(t);
});

t.test('SIGTERM to every process of the unit, the pool and its host included', async (t) => {
  const service = new Service(t);
  await service.start();
  for (const { pid } of processesOf(service.app)) process.kill(pid, 'SIGTERM');
  await endsWell(t, service);
  await service.quiet();
  outcomesAre(t, service, stopped);
  await service.nothingIsLeft(t);
});

const unshare = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
const skip =
  spawnSync(unshare[0] as string, [...unshare.slice(1), 'true']).status !== 0 && 'no PID namespace can be made here';

/** The first process of the service's PID namespace, as it is seen from outside. */
function firstProcess(service: Service): number {
  const children = readFileSync(`/proc/${service.pid}/task/${service.pid}/children`, 'latin1');
  return Number(children.trim().split(' ')[0]);
}

t.test('docker stop: SIGTERM to the first process of a PID namespace, then SIGKILL', { skip }, async (t) => {
  const service = new Service(t, unshare);
  await service.start();
  process.kill(firstProcess(service), 'SIGTERM');
  await endsWell(t, service);
  await service.quiet();
  outcomesAre(t, service, stopped);
  await service.nothingIsLeft(t);

  const late = new Service(t, unshare);
  await late.start();
  process.kill(firstProcess(late), 'SIGKILL');
  await late.program.ended;
  await late.quiet();
  outcomesAre(t, late, named);
  await late.nothingIsLeft(t);
});

t.test('each part is killed in turn, and the service goes on', async (t) => {
  const service = new Service(t);
  await service.start();
  for (let round = 0; round < rounds; round++) {
    for (const part of ['pool worker', 'host', 'worker'] as const) {
      process.kill(service.part(part), 'SIGKILL');
      await service.answered(30);
    }
  }
  process.kill(service.pid, 'SIGKILL');
  await service.program.ended;
  await service.quiet();
  outcomesAre(t, service, named);
  await service.nothingIsLeft(t);
});
