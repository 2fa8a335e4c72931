/** Programs in TypeScript that tsx runs, as ES modules and as CommonJS: children find functions, enums and this package as their parent does. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { folder } from '../harness/folder.js';
import { leaveNothing } from '../harness/leftovers.js';
import { command } from '../harness/program.js';

t.setTimeout(180_000);
leaveNothing(t);

const tsx = fileURLToPath(new URL('node_modules/tsx', import.meta.resolve('multiproc/package.json')));
const [major = 0] = process.versions.node.split('.').map(Number);

/** Node 20 has module hooks in threads only, which a fork does not copy. */
const hooksFork = major >= 22;

const side = `
  export enum Color { Red, Green }
  export const half = (n: number): number => n / 2;
`;

const main = `
  import { currentProcess, getContext, isMainProcess, parentProcess, Process, Queue, type StartMethod, Value } from 'multiproc';
  import { Lock } from 'multiproc/dummy';
  import { getpid } from 'multiproc/posix';
  import { Color, half } from './side';
  const method = process.argv[2] as StartMethod;
  export class Doubler extends Process {
    constructor(public n: number) { super({ context: method }); }
    override async run(): Promise<number> { return this.n * 2; }
  }
  export async function leaf(queue: Queue<unknown>): Promise<void> {
    await queue.put([currentProcess().name, parentProcess()?.name]);
  }
  export async function work(queue: Queue<unknown>, n: number) {
    const { half: later } = await import('./side');
    await queue.put(new Value('i', 5));
    const child = new Process({ target: leaf, args: [queue] });
    child.start();
    await child.exited;
    return [Color[1], half(n), later(n), queue instanceof Queue, isMainProcess, typeof Lock, getpid() === process.pid];
  }
  async function lead(): Promise<void> {
    const { Process } = getContext(method);
    const queue = new Queue<unknown>();
    const child = new Process({ target: work, args: [queue, 10] });
    child.start();
    const told: unknown[] = [await child.result, ((await queue.get()) as Value<'i'>).value, await queue.get(), await child.exited];
    const doubler = new Doubler(21);
    doubler.start();
    console.log(JSON.stringify([...told, await doubler.result, await doubler.exited]));
  }
  if (isMainProcess) void lead();
`;

const unguarded = `
  import { Process } from 'multiproc';
  export function work(): void { console.log('worked'); }
  const child = new Process({ target: work });
  child.start();
  void child.exited.then((code) => console.log('exit code', code));
`;

for (const type of ['module', 'commonjs']) {
  // Of 'fork' on Node 20 a child has no loader: what it imports late is not found.
  for (const method of hooksFork ? ['forkserver', 'spawn', 'fork'] : ['spawn']) {
    t.test(`${method}, ${type}: a child has what its parent has`, async (t) => {
      const cwd = program(t, type, { 'main.ts': main, 'side.ts': side });
      const flags = method === 'fork' ? ['--single-threaded'] : [];
      const ran = command(t, process.execPath, { args: [...flags, '--import', 'tsx', 'main.ts', method], cwd });
      const name = `${method[0]?.toUpperCase()}${method.slice(1)}`.replace('server', 'Server');
      t.strictSame(JSON.parse(await ran.line()), [
        ['Green', 5, 5, true, false, 'function', true],
        5,
        [`Process-1:1`, `${name}Process-1`],
        0,
        42,
        0,
      ]);
      t.strictSame(await ran.ended, { code: 0, signal: null }, ran.stderr);
      t.equal(ran.stderr, '');
    });
  }

  t.test(`${type}: a main module without a guard is told, and starts nothing more`, async (t) => {
    const cwd = program(t, type, { 'main.ts': unguarded });
    const ran = command(t, process.execPath, { args: ['--import', 'tsx', 'main.ts'], cwd });
    t.equal(await ran.line(), 'exit code 1');
    t.strictSame(await ran.ended, { code: 0, signal: null });
    t.match(ran.stderr, /cannot be started while the modules of a child are being loaded/);
  });
}

t.test('the command tsx runs programs, whose children need nothing of it', async (t) => {
  const cwd = program(t, 'commonjs', { 'main.ts': main, 'side.ts': side });
  const args = [join(tsx, 'dist/cli.mjs'), 'main.ts', hooksFork ? 'forkserver' : 'spawn'];
  const ran = command(t, process.execPath, { args, cwd });
  t.match(await ran.line(), /^\[\["Green"/);
  t.strictSame(await ran.ended, { code: 0, signal: null }, ran.stderr);
});

t.test('require and import have the same copy, with tsx and without', async (t) => {
  const source = `
    const names = ['multiproc', 'multiproc/dummy', 'multiproc/posix'];
    const required = names.map((name) => require(name));
    void Promise.all(names.map((name) => import(name))).then((imported) => {
      console.log(imported.every((one, i) => Object.keys(one).every((key) => one[key] === required[i][key])));
    });
  `;
  const cwd = program(t, 'commonjs', { 'main.cjs': source });
  for (const flags of [[], ['--import', 'tsx']]) {
    const ran = command(t, process.execPath, { args: [...flags, 'main.cjs'], cwd });
    t.equal(await ran.line(), 'true');
    t.strictSame(await ran.ended, { code: 0, signal: null });
    t.equal(ran.stderr, '');
  }
});

function program(t: Parameters<typeof folder>[0], type: string, files: Record<string, string>): string {
  const cwd = folder(t, { ...files, 'package.json': JSON.stringify({ type }) });
  symlinkSync(tsx, join(cwd, 'node_modules', 'tsx'));
  return cwd;
}
