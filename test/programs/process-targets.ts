/** What the children of the process suite run. */
import { readdirSync, readlinkSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import {
  activeChildren,
  type Connection,
  currentProcess,
  type Event,
  getLogger,
  getStartMethod,
  isMainProcess,
  type Lock,
  Pipe,
  Process,
  type ProcessOptions,
  parentProcess,
  Queue,
  SharedArray,
  SystemExit,
  setStartMethod,
  type Value,
} from 'multiproc';

const here = import.meta.url;

/** What a child sees of itself. */
export function look(...args: unknown[]) {
  const current = currentProcess();
  return {
    args,
    pid: process.pid,
    ident: current.ident,
    name: current.name,
    daemon: current.daemon,
    alive: current.isAlive(),
    exitCode: current.exitCode,
    authkey: current.authkey.toString('hex'),
    parent: { pid: parentProcess()?.pid, name: parentProcess()?.name, alive: parentProcess()?.isAlive() },
    main: isMainProcess,
    method: getStartMethod(),
    active: activeChildren().length,
    cwd: process.cwd(),
    env: process.env.MULTIPROC_TEST,
    argv: process.argv.slice(1),
    execArgv: process.execArgv,
  };
}

export function nothing(): void {}

/** The kernel's name of the thread that runs this: process and thread. */
export function thread(): string {
  return readlinkSync('/proc/thread-self');
}

/** Says in capitals what it hears, and on stderr how much that was. */
export async function shout(): Promise<void> {
  let length = 0;
  for await (const chunk of process.stdin) {
    length += chunk.length;
    process.stdout.write(String(chunk).toUpperCase());
  }
  console.error(`${length} heard`);
}

export function write(text: string, times: number): void {
  for (let i = 0; i < times; i++) process.stdout.write(text);
  process.exit(3);
}

const signalsExpected = 2;

/** Takes a number and sends it back with many bytes, blocked or not, while signals come; answers how many did. */
export async function signalled(end: Connection, size: number, blocking: boolean): Promise<number> {
  let count = 0;
  process.on('SIGUSR1', () => {
    count++;
  });
  const bytes = Buffer.alloc(size, 'x');
  if (blocking) {
    end.sendSync('ready');
    end.sendSync(end.recvSync());
    end.sendBytesSync(bytes);
  } else {
    await end.send('ready');
    await end.send(await end.recv());
    await end.sendBytes(bytes);
  }
  // Handlers run when the event loop comes to them.
  while (count < signalsExpected) await sleep(1);
  return count;
}

interface Wasm {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(bytes: Uint8Array): Promise<{ readonly instance: Adding }>;
  instantiate(module: object): Promise<Adding>;
}

interface Adding {
  readonly exports: { add(a: number, b: number): number };
}

/** What the engine does aside, and nothing else keeps the program going for. */
export async function webAssembly(a: number, b: number): Promise<number> {
  const { WebAssembly } = globalThis as unknown as { WebAssembly: Wasm };
  // (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)
  const bytes = Buffer.from(
    '0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b',
    'hex',
  );
  const { instance } = await WebAssembly.instantiate(bytes);
  const other = await WebAssembly.instantiate(await WebAssembly.compile(bytes));
  return other.exports.add(instance.exports.add(a, b), 1);
}

/** Goes on until somebody ends it. */
export async function stay(ready?: Event): Promise<void> {
  ready?.set();
  await sleep(1_000_000);
}

/** As `stay`, with the thread blocked. */
export function block(ready: Event, never: Lock): void {
  ready.set();
  never.acquireSync();
}

export async function ignoreSigterm(ready: Event): Promise<void> {
  process.on('SIGTERM', () => {});
  ready.set();
  await sleep(1_000_000);
}

export function exit(code: number): void {
  process.exit(code);
}

export function setExitCode(code: number): string {
  process.exitCode = code;
  return 'returned';
}

/** With work that is only there to be waited for, once the event loop has run empty before. */
export async function exitAfterIdling(code: number): Promise<void> {
  await new Promise((resolve) => process.once('beforeExit', () => setTimeout(resolve, 10)));
  process.exit(code);
}

export function exitInExit(code: number): void {
  process.on('exit', () => process.exit(code));
}

export function makeArray(length: number): SharedArray<'d'> {
  const array = new SharedArray('d', length);
  array[0] = length;
  return array;
}

/** Ends after an answer that no memory can hold. */
export function spoilAnswer(): void {
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    if (!linkOf(fd).includes('memfd:multiproc:errand')) continue;
    const header = Buffer.alloc(16);
    header.writeUInt32LE(1, 0);
    header.writeDoubleLE(2 ** 60, 8);
    writeSync(fd, header, 0, header.length, 0);
  }
  process.kill(process.pid, 'SIGKILL');
}

function linkOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // That of the listing itself.
  }
}

export function systemExit(reason: unknown): void {
  throw new SystemExit(reason);
}

export class Refusal extends TypeError {}

export async function fail(message: string): Promise<void> {
  throw new Refusal(message);
}

export function rejectLater(): string {
  setTimeout(() => void Promise.reject(new RangeError('nobody caught it')), 1);
  return 'returned';
}

export function throwLater(): string {
  setTimeout(() => {
    throw new RangeError('nobody caught it');
  }, 1);
  return 'returned';
}

export function signalSelf(signal: NodeJS.Signals): Promise<void> {
  process.kill(process.pid, signal);
  return sleep(1_000_000);
}

export function neverSettles(): Promise<void> {
  return new Promise(() => {});
}

export function returnFunction(): unknown {
  return { deep: [() => 1] };
}

export function bytes(length: number): Uint8Array {
  return new Uint8Array(length).fill(7);
}

/** Works on after it returned. */
export function goOn(value: Value<'i'>): string {
  setTimeout(() => {
    value.value = 5;
  }, 30);
  setTimeout(() => {
    value.value = 9;
  }, 1_000_000).unref();
  return 'returned';
}

/** A Worker that is referenced is waited for, another is not. */
export function workers(value: Value<'i'>): void {
  new Worker('setTimeout(() => process.exit(0), 50)', { eval: true }).on('exit', () => {
    value.value = 5;
  });
  new Worker('setTimeout(() => {}, 1e6)', { eval: true }).unref();
}

export function onExit(value: Value<'i'>): void {
  process.on('exit', () => {
    value.value = 5;
  });
}

export async function addUnderLock(lock: Lock, value: Value<'i'>, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await lock.run(() => {
      value.value += 1;
    });
  }
}

export function joinOneself(): string[] {
  const current = currentProcess();
  return [() => current.isAlive(), () => current.joinSync(), () => current.terminate()].map((use) => {
    try {
      use();
      return 'nothing';
    } catch (error) {
      return (error as Error).message;
    }
  });
}

/** The result of a grandchild's `look`, and its name. */
export async function grandchild(): Promise<unknown> {
  const child = new Process({ target: { module: here, export: 'look' } });
  child.start();
  return { own: process.pid, look: await child.result, exitCode: await child.exited };
}

export function startByDaemon(): string {
  try {
    new Process({ target: { module: here, export: 'nothing' } }).start();
    return 'started';
  } catch (error) {
    return (error as Error).message;
  }
}

/** What a process copies from the one that makes it, unless it is told. */
export function daemonsOfNew(): boolean[] {
  return [undefined, false, true].map((daemon) => new Process({ daemon }).daemon);
}

export function setMethodAgain(): string {
  try {
    setStartMethod('spawn');
    return 'set';
  } catch (error) {
    return (error as Error).message;
  }
}

export async function waitForParent(): Promise<unknown> {
  const parent = parentProcess();
  const before = performance.now();
  const ended = await parent?.join(50);
  return { ended, waited: performance.now() - before >= 49, alive: parent?.isAlive(), sync: parent?.joinSync(10) };
}

export function listeners(): unknown {
  return { int: process.listenerCount('SIGINT'), term: process.listenerCount('SIGTERM') };
}

export function isOpen(fd: number): boolean {
  try {
    writeSync(fd, '');
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EBADF';
  }
}

export function readStdin(): number {
  let count = 0;
  for (const _ of process.stdin.read() ?? []) count++;
  return count;
}

/** Writes more than a pipe holds, and ends at once. */
export function writeMuch(lines: number): void {
  for (let i = 0; i < lines; i++) console.log(`line ${i} ${'x'.repeat(1000)}`);
  process.exit(0);
}

export function log(message: string): void {
  getLogger().info(message);
}

export function settleSlowly(value: Value<'i'>): Promise<void> {
  return sleep(200).then(() => {
    value.value = 1;
  });
}

export const twice = (n: number): number => n * 2;

export function apply(fn: (n: number) => number, n: number): number {
  return fn(n);
}

export class Task {
  constructor(readonly n: number) {}

  perform(): number {
    return this.n * 10;
  }
}

export function perform(task: Task): [number, boolean] {
  return [task.perform(), task instanceof Task];
}

/** Cannot be made again where it arrives. */
export class Fragile {
  readonly whole = true;

  static [Symbol.for('multiproc.serialize')](): unknown {
    return {};
  }

  static [Symbol.for('multiproc.deserialize')](): never {
    throw new RangeError('it broke on the way');
  }
}

/** A subclass with fields, one of them shared. */
export class Adder extends Process {
  sum = 0;

  constructor(
    readonly numbers: number[],
    readonly shared: Value<'i'>,
    options?: ProcessOptions,
  ) {
    super(options);
  }

  override run(): unknown {
    for (const n of this.numbers) this.sum += n;
    this.shared.value = this.sum;
    this.numbers.push(0);
    return { sum: this.sum, same: currentProcess() === this, name: this.name, pid: this.pid === process.pid };
  }
}

/** Puts a number, and has its own child put the next one. */
export async function passOn(queue: Queue<number>, depth: number): Promise<void> {
  await queue.put(depth);
  if (depth === 2) return;
  const child = new Process({ target: passOn, args: [queue, depth + 1] });
  child.start();
  await child.join();
}

export function tryGet(queue: Queue<number>): void {
  queue.tryGet();
}

export async function ownQueue(): Promise<void> {
  const queue = new Queue<number>();
  const child = new Process({ target: tryGet, args: [queue], daemon: true });
  child.start();
  await child.join();
  queue.close();
}

/** A subclass with a pipe: answers texts in capitals until it gets null. */
export class Capitals extends Process {
  readonly parentEnd: Connection;
  readonly childEnd: Connection;

  constructor(options?: ProcessOptions) {
    super(options);
    [this.parentEnd, this.childEnd] = Pipe();
  }

  override async run(): Promise<void> {
    this.parentEnd.close();
    for await (const text of this.childEnd) {
      if (text === null) break;
      await this.childEnd.send((text as string).toUpperCase());
    }
    this.childEnd.close();
  }
}

/** Has the object open until it is killed. */
export async function holdOpen(_object: unknown, begun: Event): Promise<void> {
  begun.set();
  await sleep(1e8);
}
