/** Starts children by two methods after changes of its own attributes, and reports each child's attributes. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { getContext, isMainProcess } from 'multiproc';

export interface Attributes {
  readonly [name: string]: unknown;
}

/** What a child was given by its parent, as the kernel and Node show it. */
export function attributes(): Attributes {
  const status = readFileSync('/proc/self/status', 'utf8').split('\n');
  const inherited =
    /^(Umask|[UG]id|Groups|NSpgid|NSsid|Sig(Ign|Blk)|Cap|NoNewPrivs|Seccomp|Spec|THP|Cpus_allowed|Mems_allowed)/;
  return {
    ...Object.fromEntries(status.filter((line) => inherited.test(line)).map((line) => line.split(/:\t/))),
    cwd: process.cwd(),
    environment: readFileSync('/proc/self/environ', 'utf8').split('\0').filter(Boolean).sort(),
    variables: JSON.stringify(Object.entries(process.env).sort()),
    limits: readFileSync('/proc/self/limits', 'utf8'),
    nice: readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')[16],
    scheduler: readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
      .slice(37, 39),
    oom: readFileSync('/proc/self/oom_score_adj', 'utf8'),
    timerSlack: readFileSync('/proc/self/timerslack_ns', 'utf8'),
    controlGroup: readFileSync('/proc/self/cgroup', 'utf8'),
    preloaded: (globalThis as { preloaded?: unknown }).preloaded,
    execArgv: process.execArgv,
  };
}

const changes: Record<string, () => void> = {
  nothing() {},
  'the umask, the directory and the environment'() {
    process.umask(0o077);
    process.chdir('/');
    delete process.env.SECRET;
    process.env.ADDED = 'x'.repeat(5000);
  },
  'a variable that node reads once'() {
    process.env.NODE_DEBUG = 'nothing';
  },
  'limits, scheduling and credentials'() {
    const pid = String(process.pid);
    execFileSync('prlimit', ['--nofile=500:1000', '--pid', pid]);
    execFileSync('taskset', ['-pc', '0', pid]);
    setPriority(5);
    if (process.getuid?.() !== 0) return;
    process.setgroups?.([65534]);
    process.setgid?.(65534);
  },
};

async function child(method: 'spawn' | 'forkserver', env?: Record<string, string>): Promise<Attributes> {
  const one = new (getContext(method).Process)({ target: attributes, ...(env === undefined ? {} : { env }) });
  one.start();
  const result = await one.result;
  await one.join();
  return result as Attributes;
}

if (isMainProcess) {
  for (const [name, change] of Object.entries(changes)) {
    change();
    // The second forked child may have another server than the first.
    const forked = [await child('forkserver'), await child('forkserver')];
    process.send?.({ name, spawned: await child('spawn'), forked });
  }
  const empty = { PATH: '/usr/bin' };
  process.send?.({ name: 'env', spawned: await child('spawn', empty), forked: [await child('forkserver', empty)] });
  process.disconnect();
}
