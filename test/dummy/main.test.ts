/** The main module of a program whose processes are threads: a module of either kind, and in TypeScript. */
import t from 'tap';
import { folder, stripsTypes } from '../harness/folder.js';
import { leaveNothing } from '../harness/leftovers.js';
import { command } from '../harness/program.js';

leaveNothing(t);

const common = `
  const { Process, Pool, isMainProcess } = require('multiproc/dummy');
  exports.work = (a) => \`\${a} \${isMainProcess} \${require.main === module}\`;
  class Own extends Process {
    run() { return exports.work(this.a); }
  }
  exports.Own = Own;
  if (isMainProcess) {
    const child = new Process({ target: exports.work, args: [1] });
    const own = Object.assign(new Own(), { a: 2 });
    const pool = new Pool(1);
    child.start();
    own.start();
    Promise.all([child.result, own.result, pool.apply(exports.work, [3])])
      .then((results) => console.log(results.join(', '), child.joinSync()));
  }
`;

const typescript = `
  import { Process, Pool, isMainProcess, type Queue } from 'multiproc/dummy';
  export function work(a: number): string { return \`\${a satisfies number} \${isMainProcess}\`; }
  export class Own extends Process {
    a: number | undefined;
    override run(): string { return work(this.a!); }
  }
  if (isMainProcess) {
    const child = new Process({ target: work, args: [1] });
    const own = new Own();
    own.a = 2;
    child.start();
    own.start();
    const pool = new Pool(1);
    const queue: Queue | undefined = undefined;
    console.log([await child.result, await own.result, await pool.apply(work, [3]), queue].join(', '));
  }
`;

t.test('a CommonJS main module', async (t) => {
  const path = folder(t, { 'main.cjs': common });
  const main = command(t, process.execPath, { args: ['main.cjs'], cwd: path });
  t.equal(await main.line(), '1 false false, 2 false false, 3 false false true');
  t.strictSame(await main.ended, { code: 0, signal: null }, main.stderr);
});

t.test('a TypeScript main module', { skip: !stripsTypes && 'this Node runs JavaScript only' }, async (t) => {
  const path = folder(t, { 'main.mts': typescript });
  const main = command(t, process.execPath, { args: ['--no-warnings', 'main.mts'], cwd: path });
  t.equal(await main.line(), '1 false, 2 false, 3 false, ');
  t.strictSame(await main.ended, { code: 0, signal: null }, main.stderr);
});

t.test('a main module without a guard gets one clear error in its thread', async (t) => {
  const path = folder(t, {
    'main.mjs': `
      import { Process } from 'multiproc/dummy';
      export function work() {}
      const child = new Process({ target: work });
      child.start();
      await child.join();
      console.log('exit code', child.exitCode);
    `,
  });
  const main = command(t, process.execPath, { args: ['main.mjs'], cwd: path });
  t.equal(await main.line(), 'exit code 1');
  t.match(main.stderr, /isMainProcess/);
});
