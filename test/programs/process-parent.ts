/** Programs whose own end is what is tested: `process-parent SCENARIO METHOD`. */
import {
  activeChildren,
  Event,
  getAllStartMethods,
  getContext,
  getStartMethod,
  isMainProcess,
  logToStderr,
  parentProcess,
  type StartMethod,
  wait,
} from 'multiproc';
import { hangUp, hear, tell } from '../harness/parent.js';

const [, , scenario = '', method = 'spawn'] = process.argv;
const context = getContext(method as StartMethod);
const targets = new URL('./process-targets.js', import.meta.url);

export async function sayAndStay(text: string): Promise<void> {
  process.on('SIGTERM', () => {
    console.log(`${text} ends`);
    process.exit(0);
  });
  console.log(`${text} ${process.pid}`);
  setTimeout(() => {}, 1_000_000);
}

export async function stubborn(text: string): Promise<void> {
  process.on('SIGTERM', () => {});
  console.log(`${text} ${process.pid}`);
  setTimeout(() => {}, 1_000_000);
}

export function busy(text: string): void {
  console.log(`${text} ${process.pid}`);
  for (;;);
}

export async function sayLater(text: string, ms: number): Promise<void> {
  console.log(`${text} begins`);
  await new Promise((resolve) => setTimeout(resolve, ms));
  console.log(`${text} ends`);
}

export async function outlive(text: string): Promise<void> {
  console.log(`${text} begins`);
  await parentProcess()?.join();
  console.log(`${text} ends`);
}

/** Has a child and a daemon of its own, which its end ends. */
export async function family(): Promise<void> {
  const go = new Event();
  start('waitFor', ['grandchild', go]);
  start('sayAndStay', ['granddaemon'], true);
  console.log('family begins');
  await parentProcess()?.join();
  console.log('family ends');
  go.set();
}

export async function waitFor(text: string, go: Event): Promise<void> {
  console.log(`${text} begins`);
  await go.wait();
  console.log(`${text} ends`);
}

function start(name: string, args: unknown[], daemon = false) {
  const child = new context.Process({ target: { module: import.meta.url, export: name }, args, daemon });
  child.start();
  return child;
}

export function exitWith(code: number): void {
  process.exit(code);
}

export function give(value: number): number {
  return value;
}

/** What a child knows of the end of its own one, and of its parent's life. */
export async function lookBothWays(): Promise<unknown> {
  const child = start('exitWith', [4]);
  child.joinSync();
  return [child.exitCode, parentProcess()?.isAlive()];
}

async function noneLeft(): Promise<number> {
  for (const child of activeChildren()) await child.join();
  return activeChildren().length;
}

const scenarios: Record<string, () => unknown> = {
  async waits() {
    const blocked = start('exitWith', [3]);
    const blockedFor = [blocked.joinSync(), blocked.exitCode];
    const joined = start('sayLater', ['never said', 1_000_000]);
    const notYet = [joined.joinSync(5), await joined.join(5), (await wait([joined.sentinel], 0)).length];
    joined.terminate();
    const exited = start('sayAndStay', ['staying']);
    const { exited: code } = exited;
    exited.kill();
    const watched = start('exitWith', [0]);
    const [ready] = await wait([watched.sentinel]);
    await tell({
      methods: getAllStartMethods(),
      blocked: blockedFor,
      notYet,
      joined: [await joined.join(), joined.exitCode],
      exited: await code,
      sentinel: [ready === watched.sentinel, await watched.join(0)],
      result: await start('give', [7]).result,
      grandchild: await start('lookBothWays', []).result,
      active: await noneLeft(),
    });
    hangUp();
  },
  async reasons() {
    logToStderr('INFO');
    await tell(getStartMethod());
    hangUp();
  },
  async naturalEnd() {
    start('sayAndStay', ['daemon'], true);
    start('stubborn', ['stubborn'], true);
    const later = start('sayLater', ['other', 300]);
    process.on('exit', () => console.log(`parent ends, other ${later.exitCode}`));
  },
  async exit() {
    start('sayAndStay', ['daemon'], true);
    start('sayLater', ['other', 500]);
    await hear();
    process.exit(3);
  },
  async killed() {
    start('sayAndStay', ['daemon'], true);
    start('stubborn', ['stubborn'], true);
    start('busy', ['busy'], true);
    start('outlive', ['other']);
    start('family', []);
    await hear();
  },
  async writeMuch() {
    const child = new context.Process({ target: { module: targets, export: 'writeMuch' }, args: [500] });
    child.start();
    child.joinSync();
    console.log(`exit code ${child.exitCode}`);
  },
  async logging() {
    logToStderr('INFO');
    const child = new context.Process({ target: { module: targets, export: 'log' }, args: ['hello'], name: 'logger' });
    child.start();
    await child.join();
  },
  async results() {
    new context.Process({ target: { module: targets, export: 'fail' }, args: ['nobody looks'] }).start();
    const killed = start('sayAndStay', ['killed']);
    void killed.result;
    killed.kill();
  },
};

if (isMainProcess) await scenarios[scenario]?.();
