/** How children start where the surroundings are unusual: preloaded modules, executables, debuggers, ways to name the main module. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { folder } from '../harness/folder.js';
import { leaveNothing } from '../harness/leftovers.js';
import { command } from '../harness/program.js';

t.setTimeout(300_000);
// Most of them wait for other processes.
t.jobs = 4;
leaveNothing(t);

const node = process.execPath;

/** Starts two children, and prints what a preloaded module left in them and whether they were forked. */
const main = `
  import { readFileSync } from 'node:fs';
  import { isMainProcess, Process } from 'multiproc';
  export const look = () => {
    const parent = readFileSync('/proc/self/stat', 'latin1').replace(/^.*\\) /, '').split(' ')[1];
    return globalThis.preloaded + ' ' + (Number(parent) === process.ppid ? 'spawned' : 'forked');
  };
  if (isMainProcess) {
    for (let i = 0; i < 2; i++) {
      const child = new Process({ target: look });
      child.start();
      console.log(await child.result);
      child.kill();
      await child.join();
    }
    process.exit();
  }
`;

const onlyInServer = "if (process.argv[1].includes('forkserver'))";

for (const [what, source, cause] of [
  ['has an interval', 'setInterval(() => {}, 1000);', /\bTimeout kept the fork server busy/],
  [
    'runs a Worker',
    'new (require("node:worker_threads").Worker)("setInterval(() => {}, 99)", { eval: true, execArgv: [] }).unref();',
    /a thread \(.*\) kept/,
  ],
  ['listens', 'require("node:net").createServer().listen(0);', /\bTCPServerWrap.* kept/],
  [
    'throws in the server',
    `${onlyInServer} throw new Error("not here");`,
    /node: it ended with exit code 1, and its stderr ends with:[\s\S]*Error: not here/,
  ],
  [
    'exits in the server',
    `${onlyInServer} { console.error("good bye"); process.exit(7); }`,
    /node: it ended with exit code 7, and its stderr ends with:\ngood bye/,
  ],
] as const) {
  t.test(`children are spawned, with one warning, where a preloaded module ${what}`, async (t) => {
    const path = folder(t, { 'main.mjs': main, 'pre.cjs': `globalThis.preloaded = "preloaded"; ${source}` });
    const program = command(t, node, { args: ['--require', './pre.cjs', 'main.mjs'], cwd: path });
    for (let i = 0; i < 2; i++) t.equal(await program.line(), 'preloaded spawned');
    t.strictSame(await program.ended, { code: 0, signal: null });
    t.match(program.stderr, cause);
    t.equal(program.stderr.match(/MULTIPROC_FORKSERVER/g)?.length, 1, program.stderr);
  });
}

for (const [what, files, args, where] of [
  [
    'a preloaded module never ends',
    { 'pre.mjs': `${onlyInServer} await new Promise((resolve) => setTimeout(resolve, 1e8));` },
    ['--import', './pre.mjs'],
    /before its program began.*--import \.\/pre\.mjs/,
  ],
  [
    'a module of the list never ends',
    { 'list.mjs': 'await new Promise((resolve) => setTimeout(resolve, 1e8));' },
    [],
    /preloads nothing of file:.*list\.mjs.*after its program began/,
  ],
] as const) {
  t.test(`start() continues after some seconds, with one warning, where ${what}`, async (t) => {
    const source = `import { setForkserverPreload } from 'multiproc'; setForkserverPreload(['./list.mjs']); ${main}`;
    const path = folder(t, { 'main.mjs': args.length > 0 ? main : source, ...files });
    const program = command(t, node, { args: [...args, 'main.mjs'], cwd: path });
    for (let i = 0; i < 2; i++) t.equal(await program.line(), `undefined ${args.length > 0 ? 'spawned' : 'forked'}`);
    t.strictSame(await program.ended, { code: 0, signal: null });
    t.match(program.stderr, where);
    t.equal(program.stderr.match(/MULTIPROC_FORKSERVER/g)?.length, 1, program.stderr);
  });
}

t.test('a module that works for longer than others may wait is preloaded', async (t) => {
  const source = `
    globalThis.preloaded = 'preloaded';
    ${onlyInServer} for (const end = performance.now() + 4500; performance.now() < end; );
  `;
  const path = folder(t, { 'main.mjs': main, 'pre.cjs': source });
  const program = command(t, node, { args: ['--require', './pre.cjs', 'main.mjs'], cwd: path });
  for (let i = 0; i < 2; i++) t.equal(await program.line(), 'preloaded forked');
  t.strictSame(await program.ended, { code: 0, signal: null });
  t.equal(program.stderr, '');
});

t.test('a child whose modules wait without end says so', async (t) => {
  const path = folder(t, {
    'main.mjs': `
      import { isMainProcess, Process } from 'multiproc';
      export const work = () => {};
      if (isMainProcess) {
        const child = new Process({ target: work, daemon: true });
        child.start();
        process.stdin.on('data', () => child.kill()).on('end', () => process.exit());
      } else await new Promise((resolve) => setTimeout(resolve, 1e8));
    `,
  });
  const program = command(t, node, { args: ['main.mjs'], cwd: path });
  await new Promise<void>((resolve) => {
    program.child.stderr?.on('data', () => /MULTIPROC_LOADING/.test(program.stderr) && resolve());
    void program.ended.then(() => resolve());
  });
  program.child.stdin?.end('end it');
  t.strictSame(await program.ended, { code: 0, signal: null });
  t.match(program.stderr, /Process-1 has not begun .*main\.mjs.*isMainProcess/);
});

t.test(
  'preloaded modules that leave nothing behind, and quiet ones in NODE_OPTIONS, are in forked children',
  async (t) => {
    const path = folder(t, {
      'main.mjs': main,
      'pre.cjs': 'globalThis.preloaded = process.env.NODE_OPTIONS; setInterval(() => {}, 99).unref();',
    });
    const options = '--require ./pre.cjs';
    const program = command(t, node, { args: ['main.mjs'], cwd: path, env: { NODE_OPTIONS: options } });
    for (let i = 0; i < 2; i++) t.equal(await program.line(), `${options} forked`);
    t.strictSame(await program.ended, { code: 0, signal: null });
    t.equal(program.stderr, '');
  },
);

t.test('while the inspector is open, children are spawned, and a debugger can be attached to each', async (t) => {
  const source = `
    import inspector from 'node:inspector';
    import { isMainProcess, Process } from 'multiproc';
    export const look = () => {
      if (inspector.url() === undefined) inspector.open();
      return inspector.url();
    };
    if (isMainProcess) {
      inspector.open(0);
      const child = new Process({ target: look });
      child.start();
      const url = await child.result;
      console.log(url.startsWith('ws:') && url !== inspector.url(), new URL(url).port !== '9229');
      inspector.close();
    }
  `;
  const program = command(t, node, { args: ['main.mjs'], cwd: folder(t, { 'main.mjs': source }) });
  t.equal(await program.line(), 'true true');
  t.strictSame(await program.ended, { code: 0, signal: null });
});

t.test('a server in which a thread has come does not fork', async (t) => {
  const source = `
    import { execFileSync } from 'node:child_process';
    import { readFileSync } from 'node:fs';
    import { isMainProcess, Process, warmUp } from 'multiproc';
    export const look = () => readFileSync('/proc/self/stat', 'latin1').replace(/^.*\\) /, '').split(' ')[1];
    export const start = async () => {
      const child = new Process({ target: look });
      child.start();
      return Number(await child.result);
    };
    if (isMainProcess) {
      const server = await start();
      process.kill(server, 'SIGUSR1');
      // The debugger's thread comes when the server next runs JavaScript.
      await start();
      console.log(server !== process.pid, (await start()) === process.pid);
    }
  `;
  const program = command(t, node, { args: ['--inspect-port=0', 'main.mjs'], cwd: folder(t, { 'main.mjs': source }) });
  t.equal(await program.line(), 'true true');
  t.strictSame(await program.ended, { code: 0, signal: null });
});

/** What an executable is, and what \`start()\` says of it. */
const executables: [string, (path: string) => string, RegExp][] = [
  [
    'that is another program',
    () => '/bin/true',
    /^ProcessError.*\/bin\/true cannot run children: .*exit code 0.*setExecutable/,
  ],
  ['that is not there', () => '/no/such/node', /^ProcessError.*\/no\/such\/node.*ENOENT.*setExecutable/],
  ['that cannot be executed', (path) => join(path, 'main.mjs'), /^ProcessError.*main\.mjs.*EACCES.*setExecutable/],
  ['that is a folder', (path) => path, /^ProcessError.*EACCES.*setExecutable/],
  ['of no known format', (path) => script(path, 'text', 'text'), /^ProcessError.*ENOEXEC.*setExecutable/],
  [
    'that fails',
    (path) => script(path, 'fails', '#!/bin/sh\necho "no node today" >&2; exit 3'),
    /^ProcessError.*exit code 3.*no node today.*setExecutable/,
  ],
  [
    'that a signal ends',
    (path) => script(path, 'killed', '#!/bin/sh\nkill -ILL $$'),
    /^ProcessError.*signal 4.*setExecutable/,
  ],
  [
    'without its shared library',
    (path) => withoutLibrary(path),
    /^ProcessError.*exit code 127.*error while loading shared libraries.*setExecutable/,
  ],
  [
    'that loads no addons',
    (path) => script(path, 'addonless', `#!/bin/sh\nexec ${node} --no-addons "$@"`),
    /^ProcessError.*cannot load this package's addon.*ERR_DLOPEN_DISABLED.*setExecutable/,
  ],
  [
    'that runs the program itself',
    (path) => script(path, 'itself', `#!/bin/sh\nexec ${node} ${join(path, 'main.mjs')}`),
    /^ProcessError.*setExecutable/,
  ],
  [
    'that is a script which becomes node',
    (path) => script(path, 'becomes', `#!/bin/sh\nexec ${node} "$@"`),
    /^worked$/,
  ],
];

/** Those that are killed after some seconds. */
const silent: [string, (path: string) => string, RegExp][] = [
  [
    'that hangs silently',
    (path) => script(path, 'hangs', '#!/bin/sh\nexec sleep 1000'),
    /^ProcessError.*without doing anything, was killed.*setExecutable/,
  ],
  [
    'that closes its output and stays',
    (path) => script(path, 'closes', '#!/bin/sh\nexec sleep 1000 >&- 2>&-'),
    /^ProcessError.*without doing anything, was killed.*setExecutable/,
  ],
];

function script(path: string, name: string, text: string): string {
  const file = join(path, name);
  writeFileSync(file, `${text}\n`, { mode: 0o755 });
  return file;
}

/** A copy of this very node that asks for a library of the same length as one that it needs, and that is not there. */
function withoutLibrary(path: string): string {
  const file = join(path, 'incomplete');
  const bytes = readFileSync('/bin/sh');
  const at = bytes.indexOf('libc.so.6');
  bytes.write('libc.so.0', at, 'latin1');
  writeFileSync(file, bytes, { mode: 0o755 });
  return file;
}

for (const [list, methods] of [
  [executables, ['spawn', 'forkserver']],
  [silent, ['spawn']],
] as const) {
  t.test(
    `an executable is checked before it runs children: one ${list[0]?.[0]}, and ${list.length - 1} more`,
    async (t) => {
      const path = folder(t, {
        'main.mjs': `
        import { Process, setExecutable } from 'multiproc';
        const [files, methods] = [process.env.EXECUTABLES, process.env.METHODS].map((text) => text.split(':'));
        for (const file of files) {
          for (const context of methods) {
            setExecutable(file);
            const child = new Process({ target: { module: './work.mjs', export: 'work' }, context });
            try {
              child.start();
              console.log(await child.result);
            } catch (error) {
              console.log(String(error).replaceAll('\\n', ' '));
            }
          }
        }
      `,
        'work.mjs': 'export const work = () => "worked";',
      });
      const files = list.map(([, make]) => make(path));
      const program = command(t, node, {
        args: ['main.mjs'],
        cwd: path,
        env: { EXECUTABLES: files.join(':'), METHODS: methods.join(':') },
      });
      for (const [what, , expected] of list) {
        for (const method of methods) t.match(await program.line(), expected, `${method}: an executable ${what}`);
      }
      t.strictSame(await program.ended, { code: 0, signal: null });
      await t.rejects(program.line());
    },
  );
}

t.test('a child that ends before its work begins says which node was to run it', async (t) => {
  const path = folder(t, {
    'main.mjs': `
      import { isMainProcess, Process } from 'multiproc';
      export const work = () => {};
      if (isMainProcess) {
        const ways = [['--no-such-option'], ['--require', './throws.cjs'], ['--import', './exits.mjs']];
        const children = ways.map((execArgv) => new Process({ target: work, execArgv }));
        for (const child of children) child.start();
        for (const { result } of children) console.log(await result.catch(String));
      }
    `,
    'throws.cjs': 'throw new Error("not here");',
    'exits.mjs': 'process.exit(7);',
  });
  const program = command(t, node, { args: ['main.mjs'], cwd: path });
  for (const [option, code] of [
    ['--no-such-option', 9],
    ['--require ./throws.cjs', 1],
    ['--import ./exits.mjs', 7],
  ] as const) {
    const line = await program.line();
    t.match(line, /^ProcessError: Process-\d ended with exit code/);
    t.ok(line.includes(`exit code ${code} before`) && line.includes(`${node} ${option} could not start`), line);
  }
  t.strictSame(await program.ended, { code: 0, signal: null });
  t.match(program.stderr, /bad option[\s\S]*not here|not here[\s\S]*bad option/);
});

/** Starts a child from a main function that is not guarded and continues after an \`await\`. */
const unguarded = (load: string) => `
  ${load}
  async function work() { await sleep(1e6); }
  async function run() {
    await sleep(5);
    const child = new Process({ target: { module: self, export: 'work' }, daemon: false });
    child.start();
    console.log('exit code ' + (await child.exited));
  }
  run();
`;
const module = unguarded(
  `import { setTimeout as sleep } from 'node:timers/promises'; import { Process } from 'multiproc'; const self = import.meta.url; export { work };`,
);
const common = unguarded(
  `const { setTimeout: sleep } = require('node:timers/promises'); const { Process } = require('multiproc'); const self = __filename; exports.work = work;`,
);

for (const [what, args] of [
  ['by a link', ['link']],
  ['as a folder', ['.']],
  ['as a folder whose main has no extension', ['folder']],
  ['without its extension', ['./cli']],
  ['as a link that is kept', ['--preserve-symlinks', '--preserve-symlinks-main', 'link.mjs']],
  ['after it was preloaded', ['--import', './main.mjs', 'empty.mjs']],
  ['by a module that it imports', ['first.mjs']],
] as const) {
  t.test(`an unguarded main module that is started ${what} makes one child, with the clear error`, async (t) => {
    const path = folder(t, {
      'package.json': '{ "main": "cli.js" }',
      'cli.js': common,
      'main.mjs': module,
      'first.mjs': 'import "./main.mjs";',
      'empty.mjs': '',
    });
    symlinkSync('main.mjs', join(path, 'link.mjs'));
    mkdirSync(join(path, 'folder'));
    writeFileSync(join(path, 'folder', 'package.json'), '{ "main": "start", "exports": "./other.js" }');
    writeFileSync(join(path, 'folder', 'start.js'), common);
    mkdirSync(join(path, 'bin'));
    symlinkSync('../main.mjs', join(path, 'link'));
    symlinkSync('cli.js', join(path, 'bin', 'cli'));
    const [last = ''] = args.slice(-1);
    if (last === 'link') symlinkSync('../cli.js', join(path, 'bin', 'linked'));
    const program = command(t, node, {
      args: [...args.slice(0, -1), last === 'link' ? 'bin/linked' : last],
      cwd: path,
    });
    t.equal(await program.line(), 'exit code 1');
    t.strictSame(await program.ended, { code: 0, signal: null });
    t.match(program.stderr, /isMainProcess/);
    // Nothing that the child started says anything: there is no such process.
    t.notMatch(program.stderr, /Process-1:1/);
    await t.rejects(program.line());
  });
}

for (const [what, text] of [
  ['a wrapper that puts it in argv', "process.argv[1] = main; process.title = 'app'; import(main);"],
  [
    'a wrapper that requires it',
    "process.argv = [process.argv[0], main]; require('node:module')._load(main, null, true);",
  ],
  ['a Worker', "new (require('node:worker_threads').Worker)(main);"],
] as const) {
  t.test(`an unguarded module that is run by ${what} makes one child, with the clear error`, async (t) => {
    const path = folder(t, { 'cli.js': common, 'run.cjs': `const main = __dirname + '/cli.js'; ${text}` });
    const program = command(t, node, { args: ['run.cjs', 'other'], cwd: path });
    t.equal(await program.line(), 'exit code 1');
    t.strictSame(await program.ended, { code: 0, signal: null });
    t.match(program.stderr, /isMainProcess/);
    await t.rejects(program.line());
  });
}

t.test('a warm-up without a guard starts one server', async (t) => {
  const path = folder(t, {
    'main.mjs': `
      import { readFileSync } from 'node:fs';
      import { isMainProcess, Process, setForkserverPreload, warmUp } from 'multiproc';
      setForkserverPreload(['main']);
      await warmUp();
      const children = (pid) => readFileSync('/proc/' + pid + '/task/' + pid + '/children', 'latin1').trim().split(' ');
      export const work = () => {};
      if (isMainProcess) {
        const [server, ...others] = children(process.pid);
        console.log(others.length, children(server).join());
        const child = new Process({ target: work });
        child.start();
        console.log(await child.exited);
      }
    `,
  });
  const program = command(t, node, { args: ['main.mjs'], cwd: path });
  t.equal(await program.line(), '0 ');
  t.equal(await program.line(), '0');
  t.strictSame(await program.ended, { code: 0, signal: null });
  t.equal(program.stderr, '');
});

t.test('a manager starts without blocking the event loop for the start of a fork server', async (t) => {
  const path = folder(t, {
    // Turns of the event loop before the server is there: a blocking start has none.
    'main.mjs': `
      import { isMainProcess, Manager } from 'multiproc';
      if (isMainProcess) {
        let turns = 0;
        const timer = setInterval(() => turns++, 2);
        const manager = await Manager();
        clearInterval(timer);
        console.log(turns > 10);
        await manager.shutdown();
      }
    `,
  });
  const program = command(t, node, { args: ['main.mjs'], cwd: path });
  t.equal(await program.line(), 'true');
  t.strictSame(await program.ended, { code: 0, signal: null });
});

t.test('pools, managers and threads without a guard say what a process says', async (t) => {
  for (const make of ['new Pool(1)', 'await Manager()', 'new ThreadPool(1)']) {
    const path = folder(t, {
      'main.mjs': `
        import { Manager, Pool, Process } from 'multiproc';
        import { Pool as ThreadPool } from 'multiproc/dummy';
        export const work = () => {};
        const child = new Process({ target: work, daemon: true });
        try { child.start(); } finally { if (child.pid === null) ${make}; }
        console.log('exit code ' + (await child.exited));
      `,
    });
    const program = command(t, node, { args: ['main.mjs'], cwd: path });
    t.equal(await program.line(), 'exit code 1', make);
    t.strictSame(await program.ended, { code: 0, signal: null });
    t.match(program.stderr, /isMainProcess/);
    t.notMatch(program.stderr, /daemonic/);
  }
});

t.test('children of children are started from their targets', async (t) => {
  const path = folder(t, {
    'main.mjs': `
      import { Process, isMainProcess } from 'multiproc';
      export async function work(depth) {
        await new Promise((resolve) => setTimeout(resolve, 2));
        if (depth === 0) return 'leaf';
        const child = new Process({ target: work, args: [depth - 1] });
        child.start();
        return depth + ' ' + (await child.result);
      }
      if (isMainProcess) console.log(await work(3));
    `,
    'pre.mjs': 'import "multiproc";',
  });
  for (const args of [['main.mjs'], ['--import', './pre.mjs', 'main.mjs']]) {
    const program = command(t, node, { args, cwd: path });
    t.equal(await program.line(), '3 2 1 leaf');
    t.strictSame(await program.ended, { code: 0, signal: null });
    t.equal(program.stderr, '');
  }
});

t.test('threads run in a program that is a text', async (t) => {
  const path = folder(t, { 'work.mjs': 'export default (a) => a + 1;' });
  const source =
    "import { Process } from 'multiproc/dummy'; const p = new Process({ target: { module: './work.mjs' }, args: [1] }); p.start(); console.log(await p.result);";
  const required = `import('multiproc/dummy').then(async ({ Process }) => { const p = new Process({ target: { module: './work.mjs' }, args: [1] }); p.start(); console.log(await p.result); });`;
  for (const args of [
    ['--input-type=module', '-e', source],
    ['--input-type=commonjs', '--eval', required],
    ['-e', required],
  ]) {
    const program = command(t, node, { args, cwd: path });
    t.equal(await program.line(), '2', args.join(' '));
    t.strictSame(await program.ended, { code: 0, signal: null });
  }
});

t.test("the kernel's lists of processes show a child's name and program", async (t) => {
  const path = folder(t, {
    'main.mjs': `
      import { readFileSync } from 'node:fs';
      import { getContext, isMainProcess } from 'multiproc';
      const read = (file) => readFileSync('/proc/self/' + file, 'utf8').replace(/[\\0\\n]+$/, '');
      export const look = () => read('comm') + '|' + read('cmdline') + '|' + process.title + '|' + process.execArgv;
      if (isMainProcess) {
        console.log(read('comm'));
        for (const title of [undefined, 'shop']) {
          if (title !== undefined) process.title = title;
          for (const method of ['spawn', 'forkserver']) {
            const child = new (getContext(method).Process)({ target: look, name: 'Counter-7' });
            child.start();
            console.log(await child.result);
          }
        }
      }
    `,
  });
  const file = join(path, 'main.mjs');
  const program = command(t, node, { args: ['main.mjs', 'a'], cwd: path });
  const titles = [`Counter-7: node ${file} a`, 'Counter-7: shop'];
  const usual = await program.line();
  for (const title of titles) {
    for (const method of ['spawn', 'forkserver']) {
      const [name, line = '', own, options] = (await program.line()).split('|');
      t.strictSame([name, own, options], [usual, title, ''], method);
      t.equal(line.replace(/\0+$/, ''), title, method);
    }
  }
  t.strictSame(await program.ended, { code: 0, signal: null });
});

t.test(
  "children require what only a hook of require can load, and options behind a script are that script's",
  async (t) => {
    const path = folder(t, {
      'register.cjs': `
      require.extensions['.tl'] = (module, file) =>
        module._compile(require('node:fs').readFileSync(file, 'utf8').replaceAll(': number', ''), file);
    `,
      // As ts-node's command does: children are to be started by it, too, with its own options.
      'bin.cjs': `
      require('./register.cjs');
      const rest = process.argv.slice(process.argv.indexOf('-P') + 2);
      process.execArgv.push(__filename, ...process.argv.slice(2, 4));
      process.argv = [process.argv[0], ...rest.map((one, i) => (i === 0 ? require('node:path').resolve(one) : one))];
      if (process.argv[1].endsWith('.tl')) require(process.argv[1]);
      else import(process.argv[1]);
    `,
      'main.tl': `
      const { isMainProcess, getContext, setForkserverPreload } = require('multiproc');
      exports.double = (a: number) => a * 2 + ' ' + process.execArgv.slice(-2);
      if (isMainProcess) (async () => {
        for (const preload of [[], ['main']]) {
          setForkserverPreload(preload);
          for (const method of ['spawn', 'forkserver']) {
            const child = new (getContext(method).Process)({ target: exports.double, args: [4] });
            child.start();
            console.log(await child.result);
          }
        }
      })();
    `,
    });
    for (const [args, options] of [
      [['--require', './register.cjs', 'main.tl'], '--require,./register.cjs'],
      [['bin.cjs', '-P', 'x', 'main.tl'], '-P,x'],
    ] as const) {
      const program = command(t, node, { args: [...args], cwd: path });
      for (let i = 0; i < 4; i++) t.equal(await program.line(), `8 ${options}`);
      t.strictSame(await program.ended, { code: 0, signal: null });
      t.equal(program.stderr, '');
    }
  },
);
