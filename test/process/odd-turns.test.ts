/** Odd turns of a program: no child goes unseen, no server is left behind, and nobody's descriptors are closed. */
import t, { type Test } from 'tap';
import { folder } from '../harness/folder.js';
import { pidfdsTellEnds } from '../harness/kernel.js';
import { leaveNothing } from '../harness/leftovers.js';
import { command } from '../harness/program.js';

t.setTimeout(300_000);
leaveNothing(t);

/** What programs here begin with. */
const prelude = `
  import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readdirSync } from 'node:fs';
  import { readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { inspect } from 'node:util';
  import { parentPort, Worker, workerData } from 'node:worker_threads';
  import * as mp from 'multiproc';
  import * as dummy from 'multiproc/dummy';
  import * as posix from 'multiproc/posix';
  const here = import.meta.url;
  export const nothing = () => {};
  export const mark = (file) => writeFileSync(file, '');
  export const list = () => readdirSync('.');
  export const stay = (ms) => sleep(ms);
  const make = (name, args = [], options = {}) => new mp.Process({ target: { module: here, export: name }, args, ...options });
  const start = (...given) => { const child = make(...given); child.start(); return child; };
  const attempt = (act, tell = (error) => error.message) => { try { return act(); } catch (error) { return tell(error); } };
  const tell = (told) => console.log(JSON.stringify(told));
  /** The children that the kernel knows of, those that nobody has reaped as Z. */
  const children = () => readdirSync('/proc/self/task')
    .flatMap((thread) => attempt(() => readFileSync(\`/proc/self/task/\${thread}/children\`, 'latin1')).trim().split(' '))
    .filter((pid) => /^[0-9]+$/.test(pid))
    .map((pid) => attempt(() => readFileSync(\`/proc/\${pid}/stat\`, 'latin1')).replace(/^.*[)] (.).*$/s, '$1'));
  const until = async (holds) => { while (!holds()) await sleep(5); };
`;

/** Runs the program and returns what it tells. */
async function told(t: Test, source: string, execArgv: readonly string[] = [], limit = ''): Promise<unknown> {
  const cwd = folder(t, { 'main.mjs': `${prelude}\nif (mp.isMainProcess || workerData === 'own') {\n${source}\n}\n` });
  const args = [...execArgv, 'main.mjs'];
  const main =
    limit === ''
      ? command(t, process.execPath, { args, cwd })
      : command(t, 'sh', { args: ['-c', `ulimit -n ${limit}; exec "$0" "$@"`, process.execPath, ...args], cwd });
  const line = await main.line();
  t.strictSame(await main.ended, { code: 0, signal: null }, main.stderr);
  return JSON.parse(line);
}

const siblings = `
  const running = [start('stay', [1e6], { context: 'spawn' }), start('stay', [1e6], { context: 'forkserver' })];
  const thread = new dummy.Process({ target: { module: here, export: 'stay' }, args: [1e6] });
  thread.start();
  const ended = start('nothing');
  await ended.join();
  const look = async () => {
    const files = Array.from({ length: 40 }, () => openSync('/etc/hostname'));
    const seen = [...running, thread].map((child) => [
      child.exitCode, attempt(() => child.sentinel), inspect(child).includes(' unknown'),
    ]);
    const results = await Promise.all(running.map((child) => child.result.catch((error) => error.message)));
    const closed = files.filter((fd) => attempt(() => fstatSync(fd)) === 'EBADF: bad file descriptor, fstat');
    return { seen, ended: ended.exitCode, results, closed };
  };
`;
const nobody = {
  seen: Array(3).fill([null, 'can only watch a child process', true]),
  ended: 0,
  results: Array(2).fill('can only wait for a child process'),
  closed: [],
};
const killAll = `for (const child of [...running, thread]) { child.kill(); await child.join(); }`;

t.test('a forked child learns nothing of the children of its parent, and closes nothing of its own', async (t) => {
  const byProcess = `${siblings}
    const child = new mp.Process({ target: look, context: 'fork' });
    child.start();
    tell(await child.result);
    await child.join();
    ${killAll}`;
  t.strictSame(await told(t, byProcess, ['--single-threaded']), nobody);
  const byFork = `${siblings}
    const pid = posix.fork();
    if (pid === 0) {
      tell(await look());
      posix.exit(0);
    } else {
      posix.waitpid(pid);
      ${killAll}
    }`;
  t.strictSame(await told(t, byFork, ['--single-threaded']), nobody);
});

t.test('a start that fails for want of descriptors leaves no child', async (t) => {
  const source = `
    const held = [];
    for (;;) { const fd = attempt(() => openSync('/dev/null')); if (typeof fd !== 'number') break; held.push(fd); }
    const spare = () => closeSync(held.pop());
    const left = () => {
      spare();
      const count = children().length;
      held.push(openSync('/dev/null'));
      return count;
    };
    const seen = [];
    for (let free = 0; ; free++, spare()) {
      const child = make('mark', ['ran-' + free], { context: 'spawn' });
      const reason = attempt(() => child.start());
      if (reason === undefined) { seen.push([await child.exited, existsSync('ran-' + free)]); break; }
      seen.push([/^E[MN]FILE/.test(reason), left(), mp.activeChildren().length, existsSync('ran-' + free)]);
    }
    tell([seen.length > 3, seen.slice(0, -1).every((one) => one.join() === 'true,0,0,false'), seen.at(-1)]);`;
  t.strictSame(await told(t, source, [], '256'), [true, true, [0, true]]);
});

t.test('children of a dismissed fork server have their exit codes', async (t) => {
  const source = `
    const old = start('stay', [1e6], { context: 'forkserver' });
    mp.setForkserverPreload(['node:path']);
    const next = start('stay', [1e6], { context: 'forkserver' });
    await until(() => children().length === 2);
    old.kill();
    const codes = [await old.exited];
    next.kill();
    tell([...codes, await next.exited]);`;
  t.strictSame(await told(t, source), [-9, -9]);
});

t.test('a child that the program itself has reaped has its exit code, where the kernel tells', async (t) => {
  const source = `
    const codes = [];
    for (const [name, end] of [['nothing', () => {}], ['stay', (child) => child.kill()]]) {
      const child = start(name, [1e6], { context: 'spawn' });
      end(child);
      while (posix.waitpid(-1)?.pid !== child.pid);
      codes.push(child.exitCode);
    }
    tell(codes);`;
  t.strictSame(await told(t, source), pidfdsTellEnds ? [0, -9] : [255, 255]);
});

t.test('in a directory that is gone only a copy of the program can work', async (t) => {
  const source = `
    mkdirSync('gone');
    process.chdir('gone');
    rmdirSync('../gone');
    const codes = ['spawn', 'forkserver'].map((context) => attempt(() => start('nothing', [], { context }), (error) => [error.name, error.code]));
    tell([...codes, await start('nothing', [], { context: 'fork' }).exited, mp.activeChildren().length]);`;
  const failure = ['SystemError', 'ENOENT'];
  t.strictSame(await told(t, source, ['--single-threaded']), [failure, failure, 0, 0]);
});

t.test('a child works in the directory that has the name now', async (t) => {
  const source = `
    mkdirSync('one');
    process.chdir('one');
    await start('nothing').exited;
    process.chdir('..');
    renameSync('one', 'other');
    mkdirSync('one');
    writeFileSync('one/new', '');
    process.chdir('one');
    tell([await start('list', [], { context: 'spawn' }).result, await start('list', [], { context: 'forkserver' }).result]);`;
  t.strictSame(await told(t, source), [['new'], ['new']]);
});

t.test('threads that have ended leave no fork server', async (t) => {
  const source = `
    if (workerData === 'own') {
      await start('nothing', [], { context: 'forkserver' }).exited;
      parentPort.postMessage('done');
      if (process.argv[2] === 'stay') setInterval(() => {}, 1000);
    } else {
      const ended = async (how) => {
        const worker = new Worker(new URL(here), { argv: [how], workerData: 'own' });
        const exit = new Promise((resolve) => worker.once('exit', resolve));
        await new Promise((resolve) => worker.once('message', resolve));
        if (how === 'stay') worker.terminate();
        await exit;
      };
      start('nothing', [], { context: 'spawn' }).joinSync();
      await ended('go');
      const before = readdirSync('/proc/self/fd').length;
      for (const how of ['stay', 'go', 'stay']) await ended(how);
      // Whoever starts one reaps what ended threads have left.
      await until(() => {
        start('nothing', [], { context: 'spawn' }).joinSync();
        return children().length === 0;
      });
      tell(readdirSync('/proc/self/fd').length <= before);
    }`;
  t.equal(await told(t, source), true);
});

t.test('a fork server that the program itself has reaped is replaced', async (t) => {
  const source = `
    start('nothing', [], { context: 'forkserver' }).joinSync();
    const server = Number(readFileSync(\`/proc/self/task/\${process.pid}/children\`, 'latin1'));
    process.kill(server, 'SIGKILL');
    const reaped = posix.waitpid(-1).pid === server;
    const others = [1, 2, 3].map(() => start('nothing', [], { context: 'spawn' }));
    const codes = await Promise.all(others.map(async (child) => (await child.join(), child.exitCode)));
    tell([reaped, codes, await start('nothing', [], { context: 'forkserver' }).exited]);`;
  t.strictSame(await told(t, source), [true, [0, 0, 0], 0]);
});

t.test('a thread of multiproc/dummy leaves open which start method processes have', async (t) => {
  const source = `
    const thread = new dummy.Process({ target: { module: here, export: 'nothing' } });
    thread.start();
    await thread.join();
    mp.setStartMethod('spawn');
    tell(mp.getStartMethod());`;
  t.equal(await told(t, source), 'spawn');
});

t.test('Workers have the key and the start method of their program', async (t) => {
  const source = `
    const own = () => [Buffer.from(mp.currentProcess().authkey).toString('hex'), mp.getStartMethod()];
    if (workerData === 'own') parentPort.postMessage(own());
    else {
      mp.setStartMethod('spawn');
      const seen = () => new Promise((resolve) => new Worker(new URL(here), { workerData: 'own' }).once('message', resolve));
      const same = [String(await seen()) === String(own())];
      mp.currentProcess().authkey = 'another';
      tell([...same, String(await seen()) === String(own()), mp.getStartMethod()]);
    }`;
  t.strictSame(await told(t, source), [true, true, 'spawn']);
});
