/** What `Process` promises, whatever the start method: run by one test file for each. */
import { closeSync, mkdtempSync, openSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Process, ProcessOptions, SharedArray, StartMethod, Target } from 'multiproc';
import type { Test } from 'tap';
import { dummyPrograms } from '../harness/dummy.js';
import { segments } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { until } from '../harness/until.js';

type Targets = typeof import('../programs/process-targets.js');
type Look = Awaited<ReturnType<Targets['look']>>;

/** As the kernel says it: R runs, S sleeps … */
function stateOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat[stat.lastIndexOf(')') + 2];
}

function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}

/** What one run of the suite is about. */
export interface Flavour {
  readonly multiproc: typeof import('multiproc');
  readonly method: StartMethod | 'thread';
  /** Options of node without which the method cannot be had. */
  readonly execArgv?: string[];
  /** The programs `process-targets` and `process-parent`, which import that `multiproc`. */
  readonly targets: URL;
  readonly parent: URL;
}

/** With processes, by a start method. */
export async function processSuite(t: Test, method: StartMethod, execArgv: string[] = []): Promise<void> {
  await suite(t, {
    multiproc: await import('multiproc'),
    method,
    execArgv,
    targets: new URL('../programs/process-targets.js', import.meta.url),
    parent: new URL('../programs/process-parent.js', import.meta.url),
  });
}

/** The same with threads: of the suite's programs one import is changed. */
export async function threadSuite(t: Test): Promise<void> {
  const dummy = await import('multiproc/dummy');
  const [targets, parent] = dummyPrograms('process-targets', 'process-parent') as [URL, URL];
  await suite(t, { multiproc: dummy as unknown as typeof import('multiproc'), method: 'thread', targets, parent });
}

async function suite(t: Test, { multiproc, method, execArgv = [], targets, parent: parentProgram }: Flavour) {
  const { activeChildren, cpuCount, currentProcess, Event, getContext, isMainProcess, Lock, parentProcess, Process } =
    multiproc;
  const { Pipe, Queue, sweep, Value, wait, waitSync } = multiproc;
  const { Adder, apply, Capitals, Fragile, fail, perform, Refusal, Task, twice }: Targets = await import(targets.href);
  const context = getContext(method as StartMethod);
  const threads = method === 'thread';

  /** A process of this method; it is ended with the test. */
  const make = (scope: Test, name: string, args: unknown[] = [], options: ProcessOptions = {}): Process => {
    const child = new context.Process({ target: { module: targets, export: name }, args, ...options });
    scope.teardown(async () => {
      if (!activeChildren().includes(child)) return;
      child.kill();
      await child.join();
    });
    return child;
  };
  const started = (scope: Test, name: string, args: unknown[] = [], options: ProcessOptions = {}): Process => {
    const child = make(scope, name, args, options);
    child.start();
    return child;
  };
  const parent = (scope: Test, scenario: string) =>
    program(scope, parentProgram, { args: [scenario, method], execArgv });

  t.test('a child lives from start to join, and sees what the parent sees', async (t) => {
    const child = make(t, 'look', [1, 'two', { three: [3n] }]);
    t.equal(child.isAlive(), false);
    t.equal(child.exitCode, null);
    t.equal(child.pid, null);
    t.equal(child.ident, null);
    t.strictSame(child.authkey, currentProcess().authkey);
    t.notOk(activeChildren().includes(child));
    child.start();
    t.type(child.pid, 'number');
    const { ident } = child;
    t.equal(ident === process.pid || child.pid !== process.pid, !threads);
    t.equal(child.exitCode, null);
    t.ok(child.isAlive());
    t.ok(activeChildren().includes(child));
    const seen = (await child.result) as Look;
    t.equal(await child.join(), true);
    t.strictSame(seen.args, [1, 'two', { three: [3n] }]);
    t.equal(seen.pid, child.pid);
    t.equal(seen.ident, threads ? ident : child.pid);
    t.equal(seen.name, child.name);
    t.equal(seen.alive, true);
    t.equal(seen.exitCode, null);
    t.equal(seen.authkey, child.authkey.toString('hex'));
    t.same(seen.parent, { pid: process.pid, name: 'MainProcess', alive: true });
    t.equal(seen.main, false);
    t.equal(seen.method, method);
    t.equal(seen.active, 0);
    t.equal(child.exitCode, 0);
    t.equal(child.signalCode, null);
    t.notOk(child.isAlive());
    t.notOk(activeChildren().includes(child));
  });

  t.test('the main process', async (t) => {
    const current = currentProcess();
    t.equal(current, currentProcess());
    t.equal(current.name, 'MainProcess');
    t.equal(current.ident, process.pid);
    t.ok(current.isAlive());
    t.notOk(current.daemon);
    t.equal(current.exitCode, null);
    t.equal(current.authkey.length, 32);
    t.equal(parentProcess(), null);
    t.equal(isMainProcess, true);
    t.ok(Number.isInteger(cpuCount()) && cpuCount() >= 1);
    t.throws(() => current.joinSync(), { message: 'can only join a child process' });
  });

  t.test('directory, environment, arguments and options of node are as of the start', async (t) => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'multiproc-')));
    const before = process.cwd();
    t.teardown(() => {
      process.chdir(before);
      rmSync(folder, { recursive: true });
    });
    process.chdir(folder);
    process.env.MULTIPROC_TEST = 'as of the start';
    process.argv.push('--an argument');
    const child = started(t, 'look');
    process.chdir(before);
    process.argv.pop();
    delete process.env.MULTIPROC_TEST;
    const seen = (await child.result) as Look;
    // All threads of a process have one.
    t.equal(seen.cwd, threads ? before : folder);
    t.equal(seen.env, 'as of the start');
    t.strictSame(seen.argv, [...process.argv.slice(1), '--an argument']);
    const other = started(t, 'look', [], { env: { PATH: process.env.PATH, MULTIPROC_TEST: 'given' } });
    t.equal(((await other.result) as Look).env, 'given');
  });

  t.test('names are counted by construction, and grandchildren named after children', async (t) => {
    class Sub extends context.Process {}
    const first = new context.Process();
    const number = Number(/-(\d+)$/.exec(first.name)?.[1]);
    t.equal(first.name, `${context.Process.name}-${number}`);
    t.equal(new Sub().name, `Sub-${number + 1}`);
    t.equal(new Process({ name: '' }).name, `Process-${number + 2}`);
    t.equal(new Process({ name: 'my own' }).name, 'my own');
    const child = started(t, 'grandchild');
    const seen = (await child.result) as { own: number; exitCode: number; look: Look };
    t.equal(seen.look.name, `Process-${number + 4}:1`);
    t.same(seen.look.parent, { pid: child.pid, name: child.name, alive: true });
    t.equal(seen.own, child.pid);
    t.equal(seen.exitCode, 0);
    t.throws(() => Object.assign(child, { name: 5 }), TypeError);
    child.name = 'renamed';
    t.equal(child.name, 'renamed');
  });

  t.test('daemons', async (t) => {
    t.equal(make(t, 'nothing').daemon, false);
    const daemon = make(t, 'startByDaemon', [], { daemon: true });
    t.equal(daemon.daemon, true);
    daemon.start();
    t.equal(await daemon.result, threads ? 'started' : 'daemonic processes are not allowed to have children');
    t.throws(() => Object.assign(daemon, { daemon: false }), { message: 'process has already started' });
    const copies = started(t, 'daemonsOfNew', [], { daemon: true });
    t.strictSame(await copies.result, [true, false, true]);
    t.strictSame(await started(t, 'daemonsOfNew').result, [false, false, true]);
    const late = make(t, 'look');
    late.daemon = true;
    late.start();
    t.equal(((await late.result) as Look).daemon, true);
  });

  t.test('join waits no longer than it is told to', async (t) => {
    const child = started(t, 'stay');
    t.equal(await child.join(0), false);
    t.equal(await child.join(-1), false);
    t.equal(child.joinSync(-1), false);
    t.equal(child.joinSync(20), false);
    t.equal(await child.join(20), false);
    t.equal(await child.join({ timeout: 20, ref: false }), false);
    await t.rejects(child.join({ signal: AbortSignal.abort(new Error('given up')) }), { message: 'given up' });
    const controller = new AbortController();
    const aborted = child.join({ signal: controller.signal });
    controller.abort(new Error('given up, too'));
    await t.rejects(aborted, { message: 'given up, too' });
    await t.rejects(child.join(0.5), RangeError);
    t.ok(child.isAlive());
    const joins = [child.join(), child.join(1_000_000), child.exited];
    child.terminate();
    t.strictSame(await Promise.all(joins), [true, true, -15]);
    t.equal(child.exitCode, -15);
    t.equal(child.signalCode, 'SIGTERM');
    child.terminate();
    child.kill();
    t.equal(await child.join(0), true);
    t.equal(child.joinSync(), true);
  });

  t.test('the sentinel tells the end, also later', async (t) => {
    const child = started(t, 'stay');
    const { sentinel } = child;
    t.type(sentinel, 'number');
    t.strictSame(await wait([sentinel], 0), []);
    child.kill();
    t.strictSame(await wait([sentinel]), [sentinel]);
    await child.join();
    t.strictSame(waitSync([child.sentinel]), [sentinel]);
  });

  t.test('a blocked thread sees the end of a child', (t) => {
    const children = Array.from({ length: 3 }, (_, code) => started(t, 'exit', [code]));
    t.strictSame(
      children.map((child) => [child.joinSync(), child.exitCode]),
      [0, 1, 2].map((code) => [true, code]),
    );
    t.end();
  });

  const codes: [name: string, args: unknown[], exitCode: number][] = [
    ['nothing', [], 0],
    ['exit', [0], 0],
    ['exit', [7], 7],
    ['setExitCode', [5], 5],
    ['fail', ['as asked'], 1],
    ['rejectLater', [], 1],
    ['throwLater', [], 1],
    ['neverSettles', [], 13],
    ['exitAfterIdling', [0], 0],
    ['exitInExit', [10], 10],
    ['systemExit', [], 0],
    ['systemExit', [null], 0],
    ['systemExit', [8], 8],
    ['systemExit', [true], 1],
    ['systemExit', [false], 0],
    ['systemExit', ['a text'], 1],
    ['systemExit', [['a', 'list']], 1],
  ];
  if (!threads) {
    codes.push(['signalSelf', ['SIGKILL'], -9], ['signalSelf', ['SIGUSR2'], -12], ['signalSelf', ['SIGABRT'], -6]);
  }
  for (const [name, args, exitCode] of codes) {
    t.test(`exit code ${exitCode}: ${name}(${args.map((arg) => JSON.stringify(arg))})`, async (t) => {
      const child = started(t, name, args, { stdio: 'ignore' });
      t.equal(await child.exited, exitCode);
      t.equal(child.exitCode, exitCode);
    });
  }

  t.test('what a child says at its end', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'multiproc-'));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const stderrOf = async (name: string, args: unknown[], options: ProcessOptions = {}) => {
      const file = join(folder, 'stderr');
      const fd = openSync(file, 'w');
      const child = started(t, name, args, { ...options, stdio: ['ignore', 'ignore', fd] });
      await child.join();
      closeSync(fd);
      return readFileSync(file, 'utf8');
    };
    const place = /process-targets\.(js|ts):\d+:\d+/;
    const thrown = await stderrOf('fail', ['as asked'], { name: 'failing' });
    t.match(thrown, /^Process failing:\nRefusal.*: as asked\n/);
    t.match(thrown, place);
    t.match(
      await stderrOf('throwLater', [], { name: 'later' }),
      /^Process later:\n[\s\S]*RangeError: nobody caught it\n/,
    );
    t.match(await stderrOf('rejectLater', []), /^Process [\w-]+:\n[\s\S]*RangeError: nobody caught it\n/);
    t.equal(await stderrOf('systemExit', ['a text']), 'a text\n');
    t.equal(await stderrOf('systemExit', [['a', 'list']]), "[ 'a', 'list' ]\n");
    t.match(await stderrOf('neverSettles', []), /cannot settle/);
    t.equal(await stderrOf('nothing', []), '');
    const missing = await stderrOf('no such export', []);
    t.match(missing, /Expected the export "no such export" of .* to be a function, got undefined/);
  });

  t.test('results', async (t) => {
    t.equal(((await started(t, 'bytes', [3_000_000]).result) as Uint8Array).length, 3_000_000);
    t.equal(await started(t, 'setExitCode', [3]).result, 'returned');
    const failed = started(t, 'fail', ['as asked'], { stdio: 'ignore' });
    await t.rejects(failed.result, { message: 'as asked', stack: /process-targets/ });
    t.equal(failed.joinSync(), true);
    const strange = started(t, 'returnFunction');
    await t.rejects(strange.result, { name: 'TypeError', message: /^result\.deep\[0\]/ });
    t.equal(await strange.exited, 0);
    const killed = started(t, 'stay');
    const result = killed.result;
    killed.kill();
    await t.rejects(result, { name: 'ProcessError', message: /was ended by SIGKILL before its target had settled/ });
    await t.rejects(started(t, 'exit', [4]).result, { message: /ended with exit code 4 before/ });
    const asked = make(t, 'bytes', [2]);
    const early = [asked.result, asked.exited];
    asked.start();
    t.strictSame(await Promise.all(early), [new Uint8Array([7, 7]), 0]);
    const settled = started(t, 'settleSlowly', [new Value('i')]);
    t.equal(await settled.result, undefined, 'before the end');
  });

  t.test('shared objects in a result outlive the child, until nobody can ask for it', async (t) => {
    const before = segments();
    const added = () => [...segments()].filter((name) => !before.has(name));
    const child = started(t, 'makeArray', [50_000]);
    const { result } = child;
    child.joinSync();
    sweep();
    const array = (await result) as SharedArray<'d'>;
    t.equal(array[0], 50_000);
    array.close();
    await until('it is gone', () => added().length === 0);
    await (async () => {
      const other = new context.Process({ target: { module: targets, export: 'makeArray' }, args: [60_000] });
      other.start();
      await other.exited;
    })();
    sweep();
    t.equal(added().length, 1);
    const collect = garbageCollector();
    await until('that of the forgotten one is gone', () => {
      collect();
      return added().length === 0;
    });
  });

  t.test('an answer that cannot be read does not hide the end of the child', async (t) => {
    if (threads) return;
    const child = started(t, 'spoilAnswer');
    const result = t.rejects(child.result, RangeError);
    t.equal(await child.join(), true);
    t.equal(child.exitCode, -9);
    await result;
    t.equal(child.exitCode, -9);
  });

  t.test('a result is there before the child ends', async (t) => {
    const value = new Value('i');
    t.teardown(() => value.close());
    const child = started(t, 'goOn', [value]);
    t.equal(await child.result, 'returned');
    await child.join();
    t.equal(value.value, 5, 'referenced work was waited for');
    t.equal(child.exitCode, 0);
  });

  t.test('what the engine does aside is waited for', async (t) => {
    const child = started(t, 'webAssembly', [2, 3]);
    t.equal(await child.result, 6);
    t.equal(await child.exited, 0);
  });

  t.test('workers that are referenced are waited for', async (t) => {
    const value = new Value('i');
    t.teardown(() => value.close());
    await started(t, 'workers', [value]).join();
    t.equal(value.value, 5);
  });

  t.test("handlers of 'exit' run at the end of a child", async (t) => {
    const value = new Value('i');
    t.teardown(() => value.close());
    await started(t, 'onExit', [value]).join();
    t.equal(value.value, 5);
  });

  t.test('shared objects in the arguments are the very same', async (t) => {
    const [lock, value] = [new Lock(), new Value('i')];
    const children = [1, 2, 3].map(() => started(t, 'addUnderLock', [lock, value, 200]));
    t.strictSame(await Promise.all(children.map((child) => child.exited)), [0, 0, 0]);
    t.equal(value.value, 600);
    lock.close();
    value.close();
  });

  t.test('arguments may be anything that can be iterated', async (t) => {
    const given = ['some', { argument: 1 }];
    for (const args of [new Set(given), given.values()]) {
      const child = new context.Process({ target: { module: targets, export: 'look' }, args });
      child.start();
      t.strictSame(((await child.result) as Look).args, given);
      await child.join();
    }
  });

  t.test('functions, classes and instances travel', async (t) => {
    const run = (target: Target, args: unknown[]) => {
      const child = new context.Process({ target, args });
      child.start();
      return child.result;
    };
    t.equal(await run(apply, [twice, 4]), 8);
    t.strictSame(await run(perform, [new Task(4)]), [40, true]);
    await t.rejects(run(fail, ['its own class']), { message: 'its own class', constructor: Refusal });
    if (method !== 'fork') t.throws(() => run(() => 1, []), { name: 'TypeError', message: /^target is .*export it/ });
  });

  t.test('a subclass runs in the child with its fields, and shares none', async (t) => {
    const shared = new Value('i');
    t.teardown(() => shared.close());
    const adder = new Adder([1, 2, 3], shared, { context: method as StartMethod });
    const number = /^Adder-\d+$/.exec(adder.name)?.[0];
    adder.start();
    t.strictSame(await adder.result, { sum: 6, same: true, name: number, pid: true });
    t.equal(shared.value, 6);
    t.equal(adder.sum, 0);
    t.strictSame(adder.numbers, [1, 2, 3]);
  });

  t.test('an argument that cannot be restored ends the child', async (t) => {
    if (method === 'fork') return;
    const value = new Value('i');
    const child = started(t, 'look', [value, new Fragile()], { stdio: 'ignore' });
    await t.rejects(child.result, { message: /it broke on the way/ });
    t.equal(await child.exited, 1);
    value.close();
  });

  t.test('what a child never took is freed', async (t) => {
    const value = new Value('i');
    const child = started(t, 'stay', [value]);
    child.kill();
    value.close();
    await child.join();
    t.pass('the runner looks at what is left');
  });

  t.test('a child whose thread is blocked is ended by kill', async (t) => {
    const [ready, never] = [new Event(), new Lock()];
    never.acquireSync();
    const child = started(t, 'block', [ready, never]);
    await ready.wait();
    child.kill();
    t.equal(await child.exited, -9);
    never.release();
    ready.close();
    never.close();
  });

  t.test('a child that ignores SIGTERM goes on, until it is killed', async (t) => {
    if (threads) return;
    const ready = new Event();
    t.teardown(() => ready.close());
    const child = started(t, 'ignoreSigterm', [ready]);
    await ready.wait();
    child.terminate();
    t.equal(await child.join(50), false);
    t.equal(child.exitCode, null);
    t.ok(child.isAlive());
    child.interrupt();
    t.equal(await child.exited, -2);
  });

  t.test('close', async (t) => {
    const child = started(t, 'stay');
    t.throws(() => child.close(), { name: 'ValueError' });
    child.kill();
    await child.join();
    child.close();
    child.close();
    t.throws(() => child.isAlive(), { name: 'ValueError', message: 'process object is closed' });
    await t.rejects(child.join(), { name: 'ValueError' });
    for (const use of ['joinSync', 'terminate', 'kill', 'start'] as const) {
      t.throws(() => child[use](), { name: 'ValueError' }, use);
    }
    for (const property of ['pid', 'exitCode', 'sentinel'] as const) {
      t.throws(() => child[property], { name: 'ValueError' }, property);
    }
    t.match(child.name, /-\d+$/);
    t.equal(child.daemon, false);
    t.match(inspect(child), / closed>$/);
    const unused = new context.Process();
    unused.close();
    t.throws(() => unused.start(), { name: 'ValueError' });
  });

  t.test('misuse is refused', async (t) => {
    const child = make(t, 'nothing');
    t.throws(() => child.sentinel, { name: 'ValueError', message: 'process not started' });
    t.throws(() => child.joinSync(), { message: 'can only join a started process' });
    child.start();
    t.throws(() => child.start(), { name: 'ValueError', message: 'cannot start a process twice' });
    await child.join();
    t.throws(() => child.start(), { name: 'ValueError' });
    t.strictSame(await started(t, 'joinOneself').result, [
      'nothing',
      'can only join a child process',
      'can only signal a child process',
    ]);
    t.throws(() => new context.Process({ group: 1 as never }), { name: 'ValueError' });
    const plain = new context.Process({ group: null, target: null, name: null, daemon: null, context: null });
    t.match(plain.name, new RegExp(`^${context.Process.name}-\\d+$`));
    t.equal(plain.daemon, false);
    for (const wrong of [
      { args: 'text' },
      { args: 5 },
      { name: 5 },
      { daemon: 1 },
      { target: 'text' },
      { stdio: 'pipes' },
      { kwargs: {} },
      { env: 5 },
    ]) {
      t.throws(() => new context.Process(wrong as never), TypeError, inspect(wrong));
    }
    t.throws(() => new Process({ context: 'threads' as never }), { message: "cannot find context for 'threads'" });
  });

  t.test('what cannot travel makes start fail, with no process made', async (t) => {
    if (method === 'fork') return;
    const before = activeChildren().length;
    const child = new context.Process({ target: { module: targets, export: 'look' }, args: [{ callback: () => 1 }] });
    t.throws(() => child.start(), { name: 'TypeError', message: /^args\[0\]\.callback/ });
    t.equal(child.pid, null);
    t.equal(child.exitCode, null);
    t.equal(activeChildren().length, before);
  });

  t.test('a process that cannot be made leaves nothing', async (t) => {
    const value = new Value('i');
    const child = new context.Process({
      target: { module: targets, export: 'look' },
      args: [value],
      stdio: [1234567, 'inherit', 'inherit'],
    });
    t.throws(() => child.start(), { name: 'SystemError', code: 'EBADF' });
    t.equal(child.pid, null);
    value.close();
  });

  t.test('text forms', async (t) => {
    const child = make(t, 'stay', [], { name: 'shown', daemon: true });
    const prefix = `<${context.Process.name} name='shown'`;
    t.equal(inspect(child), `${prefix} parent=${process.pid} initial daemon>`);
    child.start();
    t.equal(inspect(child), `${prefix} pid=${child.pid} parent=${process.pid} started daemon>`);
    child.kill();
    await child.join();
    t.equal(inspect(child), `${prefix} pid=${child.pid} parent=${process.pid} stopped exitcode=-SIGKILL daemon>`);
    t.equal(inspect(currentProcess()), "<MainProcess name='MainProcess' parent=null started>");
  });

  t.test('run called directly runs here', async (t) => {
    const child = make(t, 'look', [1]);
    const seen = (await child.run()) as Look;
    t.equal(seen.pid, process.pid);
    t.equal(child.pid, null);
  });

  t.test('a child starts others as it was started, and that is settled', async (t) => {
    t.equal(await started(t, 'setMethodAgain').result, 'context has already been set');
  });

  t.test('a child can wait for its parent, with a limit', async (t) => {
    t.strictSame(await started(t, 'waitForParent').result, { ended: false, waited: true, alive: true, sync: false });
  });

  t.test('handlers of signals are not inherited', async (t) => {
    if (method === 'fork') return;
    const handler = () => {};
    process.on('SIGINT', handler).on('SIGTERM', handler);
    const child = started(t, 'listeners');
    process.off('SIGINT', handler).off('SIGTERM', handler);
    t.strictSame(await child.result, { int: 0, term: 0 });
  });

  t.test('descriptors of the parent exist in forked children and threads only', async (t) => {
    const server = createServer().listen(0);
    t.teardown(() => server.close());
    const fds: number[] = [];
    while ((fds.at(-1) ?? 0) < 50) fds.push(openSync('/dev/null', 'r+'));
    t.equal(await started(t, 'isOpen', [fds.at(-1)]).result, method === 'fork' || threads);
    for (const fd of fds) closeSync(fd);
  });

  t.test('the thread of a child is its own', async (t) => {
    const child = started(t, 'thread');
    if (threads) {
      t.match(await child.result, new RegExp(`^${process.pid}/task/\\d+$`));
      t.not(await child.result, `${process.pid}/task/${process.pid}`);
      return;
    }
    t.equal(await child.result, `${child.pid}/task/${child.pid}`);
  });

  t.test('pipes instead of standard streams', async (t) => {
    const shouting = make(t, 'shout', [], { stdio: ['pipe', 'pipe', 'pipe'] });
    t.strictSame([shouting.stdin, shouting.stdout, shouting.stderr], [null, null, null]);
    shouting.start();
    const heard = [text(shouting.stdout as Readable), text(shouting.stderr as Readable)];
    shouting.stdin?.write('hello, ');
    shouting.stdin?.end('world');
    t.strictSame(await Promise.all(heard), ['HELLO, WORLD', '12 heard\n']);
    t.equal(await shouting.exited, 0);
    // More than fits into a pipe, from a child that then exits at once.
    const writing = started(t, 'write', ['x'.repeat(1000), 500], { stdio: 'pipe' });
    t.equal(writing.stdin, null);
    const [written, said] = await Promise.all([text(writing.stdout as Readable), text(writing.stderr as Readable)]);
    t.equal(written.length, 500_000);
    t.equal(said, '');
    t.equal(await writing.exited, 3);
    const failing = started(t, 'fail', ['as asked'], { name: 'failing', stdio: ['ignore', 'ignore', 'pipe'] });
    t.equal(failing.stdout, null);
    t.match(await text(failing.stderr as Readable), /^Process failing:\nRefusal.*: as asked\n/);
    const killed = started(t, 'stay', [], { stdio: 'pipe' });
    killed.kill();
    t.equal(await text(killed.stdout as Readable), '');
    killed.stderr?.destroy();
  });

  for (const blocking of [true, false]) {
    const how = blocking ? 'blocks in receiving and sending' : 'waits for receiving and sending';
    t.test(`signals do not disturb a child that ${how}`, async (t) => {
      if (threads) return;
      const [ours, theirs] = Pipe();
      const size = 16 * 1024 * 1024 + 1;
      const child = started(t, 'signalled', [theirs, size, blocking]);
      theirs.close();
      const signalAsleep = async () => {
        await until('the child sleeps', () => stateOf(child.pid as number) === 'S');
        process.kill(child.pid as number, 'SIGUSR1');
      };
      t.equal(await ours.recv(), 'ready');
      await signalAsleep();
      await ours.send(1234);
      t.equal(await ours.recv(), 1234);
      await signalAsleep();
      const bytes = await ours.recvBytes();
      t.equal(bytes.length, size);
      t.ok(bytes.every((byte) => byte === 0x78));
      t.equal(await child.result, 2);
      ours.close();
    });
  }

  t.test('a closed process can be collected', async (t) => {
    const [reference, collect] = collectable();
    await until('it is collected', () => {
      collect();
      return reference.deref() === undefined;
    });
    t.equal(reference.deref(), undefined);

    function collectable(): [WeakRef<Process>, () => void] {
      const other = new context.Process({ target: { module: targets, export: 'nothing' } });
      other.start();
      other.joinSync();
      other.close();
      return [new WeakRef(other), garbageCollector()];
    }
  });

  t.test('stdin is the null device', async (t) => {
    t.equal(await started(t, 'readStdin').result, 0);
  });

  t.test('everything that a child writes arrives, also when it exits at once', async (t) => {
    const writer = parent(t, 'writeMuch');
    for (let i = 0; i < 500; i++) {
      const line = await writer.line();
      if (line !== `line ${i} ${'x'.repeat(1000)}`) t.fail(`line ${i} is ${line.slice(0, 50)}`);
    }
    t.equal(await writer.line(), 'exit code 0');
  });

  t.test('at the end of a program its daemons are ended, and the others waited for', async (t) => {
    const program = parent(t, 'naturalEnd');
    const lines: string[] = [];
    while (!lines.at(-1)?.startsWith('parent ends')) lines.push(await program.line());
    t.ok(lines.indexOf('other ends') < lines.indexOf('parent ends, other 0'), lines.join('\n'));
    t.strictSame(await program.ended, { code: 0, signal: null });
  });

  t.test('process.exit ends daemons and waits for nobody', async (t) => {
    if (threads) return;
    const program = parent(t, 'exit');
    const lines = [await program.line(), await program.line()].sort();
    t.match(lines, [/^daemon \d+$/, 'other begins']);
    program.send('go');
    const rest = [await program.line(), await program.line()];
    t.strictSame(rest.sort(), ['daemon ends', 'other ends']);
    t.strictSame(await program.ended, { code: 3, signal: null });
  });

  t.test('process.exit ends all threads', async (t) => {
    if (!threads) return;
    const program = parent(t, 'exit');
    const lines = [await program.line(), await program.line()].sort();
    t.match(lines, [/^daemon \d+$/, 'other begins']);
    program.send('go');
    t.strictSame(await program.ended, { code: 3, signal: null });
    await t.rejects(program.line());
  });

  t.test('a program that is killed takes its daemons along, and nothing else', async (t) => {
    if (threads) return;
    const program = parent(t, 'killed');
    const lines = new Set<string>();
    while (lines.size < 7) lines.add((await program.line()).replace(/ \d+$/, ''));
    const begin = ['family', 'grandchild', 'other'].map((name) => `${name} begins`);
    t.strictSame([...lines].sort(), ['busy', 'daemon', 'granddaemon', 'stubborn', ...begin].sort());
    program.kill();
    const rest: string[] = [];
    while (rest.length < 5) rest.push(await program.line());
    const end = ['daemon', 'family', 'grandchild', 'granddaemon', 'other'].map((name) => `${name} ends`);
    t.strictSame(rest.sort(), end);
    // Its output is closed when the last of them is gone, also those that have nothing to say.
    await program.ended;
  });

  t.test('a child logs as its parent does', async (t) => {
    const program = parent(t, 'logging');
    t.strictSame(await program.ended, { code: 0, signal: null });
    const lines = program.stderr.split('\n');
    for (const line of [
      '[INFO/logger] child process calling run()',
      '[INFO/logger] hello',
      '[INFO/logger] process shutting down',
      '[INFO/logger] process exiting with exitcode 0',
    ]) {
      t.equal(lines.filter((each) => each === line).length, 1, line);
    }
  });

  t.test('a result that nobody looks at is no unhandled rejection', async (t) => {
    const program = parent(t, 'results');
    t.strictSame(await program.ended, { code: 0, signal: null });
    t.match(program.stderr, /nobody looks/);
  });

  t.test('a child hands a queue on to its own child', async (t) => {
    const queue = new Queue<number>();
    t.teardown(() => queue.close());
    const child = started(t, 'passOn', [queue, 1]);
    const got = [await queue.get(), await queue.get()];
    t.strictSame(got.sort(), [1, 2]);
    t.equal(await child.exited, 0);
  });

  t.test('a child with a queue of its own and a daemon ends by itself', async (t) => {
    t.equal(await started(t, 'ownQueue').exited, 0);
  });

  t.test('a subclass speaks through a pipe that its constructor made', async (t) => {
    const capitals = new Capitals({ context: method as StartMethod });
    capitals.start();
    capitals.childEnd.close();
    const { parentEnd } = capitals;
    await parentEnd.send('hello');
    t.equal(await parentEnd.recv(), 'HELLO');
    await parentEnd.send('world');
    t.equal(await parentEnd.recv(), 'WORLD');
    await parentEnd.send(null);
    t.equal(await capitals.exited, 0);
    parentEnd.close();
  });
}
