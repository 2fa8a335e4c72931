/** `multiproc work`: serves a pool on Redis with processes of this machine, until SIGTERM. */
import { realpathSync, statSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { MultiprocError } from '../errors.js';
import { logToStderr } from '../logging.js';
import { printable } from '../printable.js';
import { connect } from '../redis/connect.js';
import { redisOf } from '../redis/context.js';
import { PoolHost } from '../redis/pool/host.js';
import { clearInterval, setInterval } from '../timing.js';

export const workUsage = 'work --redis URL --pool NAME [--processes N] [--root DIR]';

export const workHelp = `Usage: multiproc ${workUsage}

Runs the tasks of a pool on Redis in processes of this machine, until SIGTERM or SIGINT: then it takes no further
task, finishes those that run, and ends. A second signal ends it at once.

Options:
  --redis URL    redis://, rediss:// or unix:// address of the server
  --pool NAME    the name in new cluster.Pool({ name })
  --processes N  tasks at a time, by default the number of CPUs
  --root DIR     folder below which functions' modules are, by default the working directory
  --prefix TEXT  first part of all keys, by default multiproc
  --lease MS     ms after which this program counts as dead if the server does not hear of it, by default 30000
  --health MS    from one line about its state to the next, by default 60000
`;

interface WorkOptions {
  redis: string;
  pool: string;
  processes: number;
  root: string;
  prefix: string;
  lease: number;
  health: number;
}

/** @returns the exit code */
export async function work(args: readonly string[]): Promise<number> {
  let options: WorkOptions;
  try {
    const parsed = parse(args);
    if (parsed === undefined) {
      process.stdout.write(workHelp);
      return 0;
    }
    options = parsed;
  } catch (error) {
    process.stderr.write(`multiproc: ${printable((error as Error).message)}\n\n${workHelp}`);
    return 2;
  }
  try {
    await serve(options);
    return 0;
  } catch (error) {
    if (!(error instanceof MultiprocError || error instanceof TypeError)) throw error;
    process.stderr.write(`multiproc: ${error.message}\n`);
    return 1;
  }
}

async function serve({ redis, pool, processes, root, prefix, lease, health }: WorkOptions): Promise<void> {
  logToStderr('WARNING');
  const context = await connect(redis, { prefix, lease });
  const host = new PoolHost(redisOf(context), { name: pool, processes, root, lease });
  const stopped = stopSignal();
  await host.start();
  say(`serves the pool ${pool} with ${processes} processes on ${hostname()} (pid ${process.pid}), root ${root}`);
  const timer = setInterval(() => {
    say(`pool ${pool}: ${host.busy} of ${processes} busy, ${host.done} done, ${host.failed} failed, ${host.lost} lost`);
  }, health);
  const signal = await stopped;
  say(`${signal}: finishes ${host.busy} tasks`);
  await host.close();
  clearInterval(timer);
  await context.close();
  say(`ended: ${host.done} done, ${host.failed} failed, ${host.lost} lost`);
}

function say(text: string): void {
  process.stdout.write(`multiproc work: ${printable(text)}\n`);
}

/** Resolves at the first signal; the second one ends the program. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    const stop = (name: string) => {
      process.off('SIGTERM', stop);
      process.off('SIGINT', stop);
      resolve(name);
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}

function parse(args: readonly string[]): WorkOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      redis: { type: 'string' },
      pool: { type: 'string' },
      processes: { type: 'string' },
      root: { type: 'string' },
      prefix: { type: 'string' },
      lease: { type: 'string' },
      health: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return undefined;
  const { redis, pool, root = process.cwd(), prefix = 'multiproc' } = values;
  if (redis === undefined || pool === undefined) throw new TypeError('expected --redis URL and --pool NAME');
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    throw new TypeError(`expected --root to be a folder, got '${root}'`);
  }
  return {
    redis,
    pool,
    processes: count('processes', values.processes, availableParallelism(), 1),
    root: realpathSync(root),
    prefix,
    lease: count('lease', values.lease, 30_000, 100),
    health: count('health', values.health, 60_000, 10),
  };
}

function count(name: string, text: string | undefined, otherwise: number, least: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value < 2 ** 31) return value;
  throw new TypeError(`expected --${name} to be an integer from ${least} on, got '${text}'`);
}
