/** Programs that use the fork server in one way each: `forkserver-parent SCENARIO`. */
import { randomInt, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import {
  currentProcess,
  Event,
  isMainProcess,
  logToStderr,
  Process,
  parentProcess,
  SharedMemory,
  setForkserverPreload,
  Value,
  warmUp,
} from 'multiproc';
import { hangUp, hear, tell } from '../harness/parent.js';

const here = import.meta.url;
const [, , scenario = ''] = process.argv;

/** The pids that have loaded this module. */
const loadedBy = [process.pid];

/** The process that the kernel says made this one. */
export function realParent(pid = process.pid): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

export function family() {
  return { server: realParent(), parent: parentProcess()?.pid, ppid: process.ppid, loadedBy, isMainProcess };
}

export async function familyOfChild() {
  const child = start('family');
  return { own: family(), child: await child.result, pid: process.pid };
}

/** Lets timers that are due fire, and what they began end. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}

export function draw() {
  return [Math.random(), randomUUID(), crypto.randomUUID(), randomInt(2 ** 40)];
}

export async function environmentOf(names: string[]): Promise<Record<string, string | undefined>> {
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

export async function waitFor(event: Event, code: number): Promise<void> {
  await event.wait();
  process.exitCode = code;
}

export async function startMany(count: number, sum: Value<'i'>): Promise<void> {
  const children = Array.from({ length: count }, () => start('addOne', [sum]));
  for (const child of children) await child.exited;
  if (children.some(({ exitCode }) => exitCode !== 0)) throw new Error('a grandchild failed');
}

export function addOne(sum: Value<'i'>): void {
  sum.add(1);
}

export function descriptors(): string[] {
  const open = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, 'N')];
    } catch {
      return []; // That of the listing itself.
    }
  });
  return open.sort();
}

export function say(text: string): void {
  console.log(text);
}

/** Ends when its parent has ended, or told it to; a daemon does not by itself. */
export async function orphan(name: string, children: [string, boolean][], go?: Event): Promise<void> {
  const next = new Event();
  for (const [child, daemon] of children) start('orphan', [child, [], ...(daemon ? [] : [next])], daemon);
  console.log(`${name} begins`);
  if (currentProcess().daemon) await new Promise((resolve) => setTimeout(resolve, 60_000));
  await (go === undefined ? parentProcess()?.join() : go.wait());
  console.log(`${name} ends`);
  next.set();
}

function start(name: string, args: unknown[] = [], daemon = false) {
  const child = new Process({ target: { module: here, export: name }, args, daemon, context: 'forkserver' });
  child.start();
  return child;
}

const scenarios: Record<string, () => unknown> = {
  async families() {
    await tell(await start('familyOfChild').result);
  },
  async preloaded() {
    setForkserverPreload(['main', 'multiproc-no-such-module']);
    await warmUp();
    await tell([await start('family').result, await start('family').result]);
  },
  async preloadedLater() {
    const before = (await start('family').result) as object;
    setForkserverPreload([here]);
    await tell([before, await start('family').result]);
  },
  async lean() {
    const target = { module: new URL('./forkserver-lean.js', here), export: 'loadedOfNode' };
    const child = new Process({ target, context: 'forkserver' });
    child.start();
    await tell(await child.result);
  },
  async aged() {
    await warmUp();
    // V8 plans such a collection for 8 s after the last one.
    await new Promise((resolve) => setTimeout(resolve, 9_000));
    const child = start('turns', [200]) as { pid: number; result: Promise<unknown> };
    await child.result;
    await tell(child.pid);
  },
  async environments() {
    process.env.MULTIPROC_KEPT = 'kept';
    process.env.MULTIPROC_CHANGED = 'before';
    process.env.MULTIPROC_GONE = 'there';
    // What a module does to the server's environment is not its children's.
    setForkserverPreload([new URL('data:text/javascript,process.env.MULTIPROC_KEPT = "taken"')]);
    await warmUp();
    process.env.MULTIPROC_CHANGED = 'after';
    delete process.env.MULTIPROC_GONE;
    process.env.MULTIPROC_NEW = '';
    const names = ['KEPT', 'CHANGED', 'GONE', 'NEW'].map((name) => `MULTIPROC_${name}`);
    await tell(await start('environmentOf', [names]).result);
  },
  async draws() {
    setForkserverPreload(['main']);
    await tell(await Promise.all([start('draw'), start('draw'), start('draw')].map((child) => child.result)));
  },
  async throwing() {
    setForkserverPreload([new URL('data:text/javascript,throw new RangeError("not today")')]);
    await tell(await warmUp().then(String, String));
    try {
      start('family');
    } catch (error) {
      await tell(String(error));
    }
  },
  async endedEarly() {
    setForkserverPreload([here]);
    await start('family').result;
    const left: string[] = [];
    for (let round = 0; round < 60; round++) {
      const blocks = Array.from({ length: 16 }, () => SharedMemory.create({ size: 4096 }));
      const child = start('family', blocks);
      // In each round a bit later.
      for (const end = performance.now() + round / 10; performance.now() < end; );
      child.terminate();
      await child.join();
      for (const block of blocks) block.close();
      left.push(...blocks.map(({ name }) => name).filter((name) => existsSync(`/dev/shm/${name}`)));
    }
    await tell(left);
    hangUp();
  },

  async leaving() {
    void warmUp();
    process.exit();
  },

  async busy() {
    logToStderr('INFO');
    setForkserverPreload([new URL('data:text/javascript,setInterval(() => {}, 1000)')]);
    await tell(await start('family').result);
  },
  async worker() {
    logToStderr('INFO');
    const source =
      'new (await import("node:worker_threads")).Worker("setInterval(() => {}, 1000)", {eval: true}).unref()';
    setForkserverPreload([new URL(`data:text/javascript,${encodeURIComponent(source)}`)]);
    await tell(await start('family').result);
  },
  async spawned() {
    logToStderr('INFO');
    await tell(await start('family').result);
  },
  async otherOptions() {
    logToStderr('INFO');
    await start('family').result;
    const child = new Process({
      target: { module: here, export: 'family' },
      context: 'forkserver',
      execArgv: ['--stack-trace-limit=7'],
    });
    child.start();
    await tell(await child.result);
  },
  async serverKilled() {
    const event = new Event();
    const server = ((await start('family').result) as { server: number }).server;
    const [three, terminated] = [start('waitFor', [event, 3]), start('waitFor', [event, 4])];
    process.kill(server, 'SIGKILL');
    const next = (await start('family').result) as { server: number };
    terminated.terminate();
    await terminated.exited;
    event.set();
    await three.exited;
    await tell({ server, next: next.server, codes: [three.exitCode, terminated.exitCode] });
  },
  async serverStopped() {
    const event = new Event();
    const server = ((await start('family').result) as { server: number }).server;
    const [zero, three, terminated, killed] = [0, 3, 4, 5].map((code) => start('waitFor', [event, code]));
    process.kill(server, 'SIGSTOP');
    terminated?.terminate();
    const codes = [terminated?.joinSync(), terminated?.exitCode];
    killed?.kill();
    codes.push(await killed?.exited);
    event.set();
    codes.push(await three?.exited, await zero?.join(), zero?.exitCode);
    process.kill(server, 'SIGCONT');
    const next = (await start('family').result) as { server: number };
    await tell({ server, next: next.server, codes });
  },
  async serverSilent() {
    const event = new Event();
    const server = ((await start('family').result) as { server: number }).server;
    const three = start('waitFor', [event, 3]);
    process.kill(server, 'SIGSTOP');
    event.set();
    const codes = [await three.exited];
    process.kill(server, 'SIGCONT');
    await tell({ codes });
  },
  async stopped() {
    logToStderr('WARNING');
    const server = ((await start('family').result) as { server: number }).server;
    process.kill(server, 'SIGSTOP');
    const next = (await start('family').result) as { server: number };
    await tell({ server, next: next.server });
  },
  async interrupted() {
    const event = new Event();
    const server = ((await start('family').result) as { server: number }).server;
    const early = start('waitFor', [event, 0]);
    process.kill(server, 'SIGINT');
    const next = (await start('family').result) as { server: number };
    event.set();
    await early.exited;
    const interrupted = start('waitFor', [new Event(), 0]);
    interrupted.interrupt();
    await tell({ server, next: next.server, codes: [early.exitCode, await interrupted.exited] });
  },
  async crowd() {
    const sum = new Value('i');
    const children = Array.from({ length: 4 }, () => start('startMany', [10, sum]));
    for (const child of children) await child.exited;
    await tell({ sum: sum.value, codes: children.map(({ exitCode }) => exitCode) });
  },
  async descriptors() {
    const event = new Event();
    const waiting = [start('waitFor', [event, 0]), start('waitFor', [event, 0])];
    const [first, second] = [await start('descriptors').result, await start('descriptors').result];
    event.set();
    for (const child of waiting) await child.exited;
    await tell([first, second, await start('descriptors').result]);
  },
  async orphans() {
    start('orphan', [
      'parent',
      [
        ['grandchild', false],
        ['grand-daemon', true],
      ],
    ]);
    start('orphan', ['daemon', []], true);
    start('orphan', ['other', []]);
    await tell(realParent((start('orphan', ['last', []]) as { pid: number }).pid));
    await hear();
  },
};

if (isMainProcess) await scenarios[scenario]?.();
