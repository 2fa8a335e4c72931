/** The main module: guarded or not, and what counts as the main process. */
import t from 'tap';
import { folder, stripsTypes } from '../harness/folder.js';
import { leaveNothing } from '../harness/leftovers.js';
import { command, program } from '../harness/program.js';

leaveNothing(t);

for (const [name, lines] of [
  ['unguarded-now', []],
  ['unguarded-later', ['work']],
] as const) {
  t.test(`${name}: one clear error in one child, and no chain of children`, async (t) => {
    const main = program(t, name);
    for (const line of lines) t.equal(await main.line(), line);
    t.equal(await main.line(), 'exit code 1');
    t.strictSame(await main.ended, { code: 0, signal: null });
    t.equal(main.stderr.match(/^Process \S+:$/gm)?.length, 1);
    t.match(main.stderr, /isMainProcess/);
    await t.rejects(main.line());
  });
}

const common = `
  const { Process, isMainProcess } = require('multiproc');
  exports.work = (a) => \`\${a} \${isMainProcess} \${require.main === module}\`;
  if (isMainProcess) {
    const child = new Process({ target: { module: __filename, export: 'work' }, args: [1] });
    child.start();
    child.result.then((result) => console.log(result, child.joinSync()));
  }
`;

const typescript = `
  import { Process, isMainProcess } from 'multiproc';
  export function work(a: number): string { return \`\${a satisfies number} \${isMainProcess}\`; }
  if (isMainProcess) {
    const child = new Process({ target: { module: import.meta.url, export: 'work' }, args: [1] });
    child.start();
    console.log(await child.result);
  }
`;

const hooked = `
  import { Process, isMainProcess } from 'multiproc';
  export const work = () => \`\${globalThis.hooked} \${process.execArgv.join(' ')}\`;
  if (isMainProcess) {
    const child = new Process({ target: { module: import.meta.url, export: 'work' } });
    child.start();
    console.log(await child.result);
  }
`;

t.test('a CommonJS main module', async (t) => {
  const path = folder(t, { 'main.cjs': common });
  const main = command(t, process.execPath, { args: ['main.cjs'], cwd: path });
  t.equal(await main.line(), '1 false false true');
});

t.test('a TypeScript main module', { skip: !stripsTypes && 'this Node runs JavaScript only' }, async (t) => {
  const path = folder(t, { 'main.mts': typescript });
  const main = command(t, process.execPath, { args: ['--no-warnings', 'main.mts'], cwd: path });
  t.equal(await main.line(), '1 false');
});

t.test('preloaded modules are preloaded in children, and the runner is not', async (t) => {
  const path = folder(t, { 'main.mjs': hooked, 'hook.mjs': 'globalThis.hooked = "hooked";' });
  const options = ['--import', './hook.mjs', '--no-warnings', '--inspect=0', '--stack-trace-limit=20'];
  const main = command(t, process.execPath, { args: [...options, 'main.mjs'], cwd: path });
  t.equal(await main.line(), 'hooked --import ./hook.mjs --no-warnings --stack-trace-limit=20');
});

t.test('a program without a file', async (t) => {
  const path = folder(t, { 'work.mjs': 'export default () => process.argv.slice(1).join();' });
  const source = `
    import { Process } from 'multiproc';
    const child = new Process({ target: { module: './work.mjs' } });
    child.start();
    console.log(await child.result);
  `;
  const main = command(t, process.execPath, { args: ['--input-type=module', '-e', source, 'a', 'b'], cwd: path });
  t.equal(await main.line(), 'a,b');
});

t.test('Workers are no main processes, and may start processes', async (t) => {
  const path = folder(t, {
    'work.mjs': 'export default (a) => a + 1;',
    'main.mjs': `
      import { Worker, isMainThread, parentPort } from 'node:worker_threads';
      import { Process, isMainProcess } from 'multiproc';
      if (isMainThread) new Worker(new URL(import.meta.url)).on('message', (message) => console.log(isMainProcess, message));
      else {
        const child = new Process({ target: { module: new URL('./work.mjs', import.meta.url) }, args: [1] });
        child.start();
        parentPort.postMessage(\`\${isMainProcess} \${await child.result} \${await child.join()}\`);
        new Process({ target: { module: new URL('./work.mjs', import.meta.url) }, daemon: true }).start();
      }
    `,
  });
  const main = command(t, process.execPath, { args: ['main.mjs'], cwd: path });
  t.equal(await main.line(), 'true false 2 true');
  t.strictSame(await main.ended, { code: 0, signal: null });
  t.equal(main.stderr, '');
});

t.test('a worker of node:cluster is a main process', async (t) => {
  const path = folder(t, {
    'main.mjs': `
      import cluster from 'node:cluster';
      import { isMainProcess } from 'multiproc';
      if (cluster.isPrimary) cluster.fork();
      else { console.log(isMainProcess); process.disconnect(); }
    `,
  });
  const main = command(t, process.execPath, { args: ['main.mjs'], cwd: path });
  t.equal(await main.line(), 'true');
});
