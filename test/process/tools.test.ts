/** What looks at or changes a program from outside: coverage, profiles, the inspector, and what turns other text into JavaScript. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { StartMethod } from 'multiproc';
import t from 'tap';
import { folder, stripsTypes } from '../harness/folder.js';
import { leaveNothing } from '../harness/leftovers.js';
import { command, type ProgramOptions, type Scope } from '../harness/program.js';

t.setTimeout(240_000);
leaveNothing(t);

const methods: readonly StartMethod[] = ['forkserver', 'spawn', 'fork'];
const [major = 0] = process.versions.node.split('.').map(Number);

/** A program that has a child call `work(1)`, whatever the language of its files. */
const main = (annotation = '') => `
  import { getContext, isMainProcess, logToStderr } from 'multiproc';
  import { later } from './later.EXTENSION';
  export async function work(a${annotation}) {
    const { more } = await import('./more.EXTENSION');
    return \`\${a} \${later(1)} \${more(1)} \${process.pid}\`;
  }
  if (isMainProcess) {
    logToStderr('INFO');
    const { Process } = getContext(process.argv[2] || undefined);
    const child = new Process({ target: work, args: [1] });
    child.start();
    console.log(await child.result, child.pid, await child.exited, process.pid);
  }
`;
const later = (annotation = '') => `export function later(a${annotation}) { return a + 10; }`;
const more = (annotation = '') => `export function more(a${annotation}) { return a + 20; }`;

function files(extension: string, annotation?: string): Record<string, string> {
  return {
    [`main.${extension}`]: main(annotation).replaceAll('EXTENSION', extension),
    [`later.${extension}`]: later(annotation),
    [`more.${extension}`]: more(annotation),
  };
}

/** Hooks in a thread, by which another language is understood. */
const threadedHooks = {
  'register.mjs': `
    import { register } from 'node:module';
    register('./hooks.mjs', import.meta.url);
  `,
  'hooks.mjs': `
    import { readFile } from 'node:fs/promises';
    import { fileURLToPath } from 'node:url';
    export async function load(url, context, next) {
      if (!url.endsWith('.texty')) return next(url, context);
      const source = (await readFile(fileURLToPath(url), 'utf8')).replaceAll('@number', '');
      return { format: 'module', source, shortCircuit: true };
    }
  `,
};

interface Ran {
  /** Who worked, and who had it done. */
  readonly worker: number;
  readonly parent: number;
  readonly stderr: string;
}

type Test = Scope & Pick<typeof t, 'strictSame' | 'match' | 'ok' | 'equal' | 'not'>;

/** Runs the program; the work has to come out right. */
async function run(
  t: Test,
  method: StartMethod,
  cwd: string,
  file: string,
  execArgv: string[],
  options: ProgramOptions = {},
): Promise<Ran> {
  const flags = method === 'fork' ? ['--single-threaded'] : [];
  // Where the default cannot be used another is, and the log says why.
  const args = [...flags, ...execArgv, file, method === 'forkserver' ? '' : method];
  const program = command(t, process.execPath, { args, cwd, ...options });
  const line = await program.line();
  const [, worker, pid, parent] = (/^1 11 21 (\d+) (\d+) 0 (\d+)$/.exec(line) ?? []).map(Number);
  t.equal(worker, pid, `${line}\n${program.stderr}`);
  t.not(parent, pid);
  t.strictSame(await program.ended, { code: 0, signal: null }, program.stderr);
  return { worker: worker as number, parent: parent as number, stderr: program.stderr };
}

/** How often a function of the file was called, in what one process left. */
function calls(report: string, file: string, name: string): number {
  return rangesOf(report, file, name)[0] ?? 0;
}

/** The same of all of it, then of each part that ran another number of times. */
function rangesOf(report: string, file: string, name: string): number[] {
  interface Coverage {
    result: { url: string; functions: { functionName: string; ranges: { count: number }[] }[] }[];
  }
  const { result } = JSON.parse(readFileSync(report, 'utf8')) as Coverage;
  const script = result.find(({ url }) => url === pathToFileURL(file).href);
  const found = script?.functions.find(({ functionName }) => functionName === name);
  return found?.ranges.map(({ count }) => count) ?? [];
}

t.test('coverage tells which branches a program took before one of its functions travelled', async (t) => {
  const main = `import { serialize } from 'multiproc';
    export function choose(yes) { if (yes) { return 1; } return 0; }
    choose(false);
    console.log(serialize(choose).length > 0);
    choose(false);`;
  const cwd = folder(t, { 'main.mjs': main });
  const program = command(t, process.execPath, { args: ['main.mjs'], cwd, env: { NODE_V8_COVERAGE: 'coverage' } });
  t.equal(await program.line(), 'true');
  t.strictSame(await program.ended, { code: 0, signal: null }, program.stderr);
  const [report] = readdirSync(join(cwd, 'coverage'));
  const counts = rangesOf(join(cwd, 'coverage', report as string), join(cwd, 'main.mjs'), 'choose');
  t.strictSame(counts, [2, 0]);
});

for (const method of methods) {
  t.test(`${method}: coverage tells what children ran`, async (t) => {
    const cwd = folder(t, files('mjs'));
    const reports = join(cwd, 'coverage');
    const { worker, parent } = await run(t, method, cwd, 'main.mjs', [], { env: { NODE_V8_COVERAGE: reports } });
    const of = (pid: number) => readdirSync(reports).filter((name) => name.startsWith(`coverage-${pid}-`));
    t.equal(of(parent).length, 1);
    const counts = of(worker).map((name) => calls(join(reports, name), join(cwd, 'more.mjs'), 'more'));
    t.strictSame(counts, [1]);
    t.strictSame(calls(join(reports, of(parent)[0] as string), join(cwd, 'main.mjs'), 'work'), 0);
  });

  t.test(`${method}: --cpu-prof`, async (t) => {
    const cwd = folder(t, files('mjs'));
    const profiles = join(cwd, 'profiles');
    const { worker, parent, stderr } = await run(t, method, cwd, 'main.mjs', [
      '--cpu-prof',
      `--cpu-prof-dir=${profiles}`,
    ]);
    const of = (pid: number) => readdirSync(profiles).filter((name) => name.split('.')[3] === String(pid));
    t.equal(of(parent).length, 1);
    // A forked child has its parent's profile, and ends without writing it.
    t.equal(of(worker).length, method === 'fork' ? 0 : 1);
    if (method === 'forkserver') t.match(stderr, /not using the start method 'forkserver': --cpu-prof/);
  });

  t.test(`${method}: --inspect is the program's alone`, async (t) => {
    const cwd = folder(t, files('mjs'));
    const { stderr } = await run(t, method, cwd, 'main.mjs', ['--inspect=127.0.0.1:0']);
    t.equal(stderr.match(/Debugger listening/g)?.length, 1);
  });

  t.test(
    `${method}: TypeScript by Node itself`,
    { skip: !stripsTypes && 'this Node runs JavaScript only' },
    async (t) => {
      const cwd = folder(t, files('mts', ': number'));
      const { stderr } = await run(t, method, cwd, 'main.mts', ['--no-warnings']);
      t.notMatch(stderr, /not using/);
    },
  );

  // Of a forked child more is said below.
  if (method !== 'fork') {
    t.test(`${method}: module hooks in a thread, as loaders of TypeScript have`, async (t) => {
      const cwd = folder(t, { ...files('texty', '@number'), ...threadedHooks });
      const { stderr } = await run(t, method, cwd, 'main.texty', ['--no-warnings', '--import', './register.mjs']);
      if (method === 'forkserver') t.match(stderr, /not using the start method 'forkserver': module hooks/);
    });
  }

  t.test(`${method}: module hooks in the thread itself`, { skip: major < 24 && 'this Node has none' }, async (t) => {
    const cwd = folder(t, {
      ...files('texty', '@number'),
      'register.mjs': `
        import { readFileSync } from 'node:fs';
        import { registerHooks } from 'node:module';
        import { fileURLToPath } from 'node:url';
        registerHooks({
          load(url, context, next) {
            if (!url.endsWith('.texty')) return next(url, context);
            const source = readFileSync(fileURLToPath(url), 'utf8').replaceAll('@number', '');
            return { format: 'module', source, shortCircuit: true };
          },
        });
      `,
    });
    await run(t, method, cwd, 'main.texty', ['--no-warnings', '--import', './register.mjs']);
  });
}

const forkingUnderHooks = `
  import { getContext } from 'multiproc';
  import { fork, exit, waitpid } from 'multiproc/posix';
  import { later } from './later.texty';
  const imports = async () => {
    const outcomes = await Promise.allSettled([import('./plain.mjs'), import('node:zlib'), import('./more.texty')]);
    return [later(1), ...outcomes.map(({ status, reason }) => reason?.code ?? status)].join(' ');
  };
  console.log('parent', later(1));
  const { Process } = getContext('fork');
  const child = new Process({ target: imports });
  child.start();
  console.log('child', await child.result, await child.exited);
  if (fork() === 0) imports().then((text) => { console.log('forked', text); exit(0); });
  else console.log('ended', waitpid(-1).exitCode);
`;

t.test('in a forked child there are no module hooks in a thread, and nobody waits for them', async (t) => {
  const cwd = folder(t, {
    ...threadedHooks,
    'main.texty': forkingUnderHooks,
    'later.texty': later('@number'),
    'more.texty': more('@number'),
    'plain.mjs': 'export default 1;',
  });
  const args = ['--single-threaded', '--no-warnings', '--import', './register.mjs', 'main.texty'];
  const program = command(t, process.execPath, { args, cwd });
  const outcomes = '11 fulfilled fulfilled ERR_UNKNOWN_FILE_EXTENSION';
  t.equal(await program.line(), 'parent 11');
  t.equal(await program.line(), `child ${outcomes} 0`);
  t.equal(await program.line(), `forked ${outcomes}`);
  t.equal(await program.line(), 'ended 0');
  t.strictSame(await program.ended, { code: 0, signal: null }, program.stderr);
});
