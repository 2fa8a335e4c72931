/** What the workers of the pool suites run. */
import { existsSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, threadId } from 'node:worker_threads';
import { type Barrier, currentProcess, currentTask, Pool, Process, type Queue, ThreadPool } from 'multiproc';

export function square(x: number, pause = 0): number | Promise<number> {
  return pause === 0 ? x * x : sleep(pause).then(() => x * x);
}

/** When it began and ended, on the machine's clock in ms. */
export async function pause(ms: number): Promise<{ from: number; to: number }> {
  const clock = () => Number(process.hrtime.bigint() / 1000n) / 1000;
  const from = clock();
  await sleep(ms);
  return { from, to: clock() };
}

export function squareOf({ x }: { x: number }): number {
  return x * x;
}

export function product(a: number, b: number): number {
  return a * b;
}

export function echo(value: unknown): unknown {
  return value;
}

export function nothing(): void {}

export function half(x: number): number {
  return x / 2;
}

export function describe(x: number): { x: number; text: string } {
  return { x, text: `#${x}` };
}

/** A class of the program, with a field of its own. */
export class KeyError extends Error {
  readonly key: string;

  constructor(key: string, options?: ErrorOptions) {
    super(`no such key: ${key}`, options);
    this.name = 'KeyError';
    this.key = key;
  }
}

export function miss(key: string): never {
  throw new KeyError(key, { cause: new RangeError('the first reason') });
}

export function missIfOdd(x: number): number {
  if (x % 2 === 1) throw new KeyError(`${x}`);
  return x;
}

export function throwFive(): never {
  const five: unknown = 5;
  throw five;
}

/** Thrown things whose parts do not work. */
export function throwTextless(): never {
  throw Object.create(null, { toString: { value: 1 }, valueOf: { value: 1 } });
}

export function throwUnreadable(): never {
  throw Object.defineProperty({}, 'message', {
    enumerable: true,
    get() {
      throw new Error('not to be read');
    },
  });
}

export function throwOddlyNamed(): never {
  throw Object.assign(new Error('boom'), { name: () => {} });
}

export function closure(): () => number {
  return () => 1;
}

/** Who runs it. */
export function who(_item?: unknown): { pid: number; thread: number; main: boolean; name: string; daemon: boolean } {
  const { name, daemon } = currentProcess();
  return { pid: process.pid, thread: threadId, main: isMainThread, name, daemon };
}

export async function whoLater(ms: number): Promise<ReturnType<typeof who>> {
  await sleep(ms);
  return who();
}

/** Keeps its thread busy. */
export function spin(ms: number): number {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return ms;
}

export function exit(code: number): void {
  process.exit(code);
}

export function kill(signal: NodeJS.Signals): Promise<void> {
  process.kill(process.pid, signal);
  return sleep(10_000);
}

export function killAt(x: number): number {
  if (x === 3) process.kill(process.pid, 'SIGKILL');
  return x;
}

/** Says on the queue that it runs, then waits. */
export async function report(queue: Queue, what: unknown, ms: number): Promise<unknown> {
  queue.putSync(what);
  await sleep(ms);
  return what;
}

/** Says that it runs, and waits until it may end. */
export async function meet(arrived: Queue, release: Queue): Promise<unknown> {
  arrived.putSync(1);
  return release.get();
}

/** Says on the queue that it runs, and when its signal has fired, why. */
export async function heed(queue: Queue): Promise<void> {
  const signal = currentTask()?.signal as AbortSignal;
  const fired = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  queue.putSync('begun');
  // It may be too late before anything here has run.
  if (!signal.aborted) await fired;
  queue.putSync(`stopped: ${(signal.reason as Error).name}`);
}

/** The same in a loop that never awaits. */
export function heedBusily(queue: Queue): void {
  queue.putSync('begun');
  const signal = currentTask()?.signal as AbortSignal;
  while (!signal.aborted);
  queue.putSync(`stopped: ${(signal.reason as Error).name}`);
}

let lastSignal: AbortSignal | undefined;

/** Whether the task before had another signal. */
export function isNewSignal(_item: number): boolean {
  const before = lastSignal;
  lastSignal = currentTask()?.signal;
  return lastSignal !== before;
}

export function busyForEver(queue: Queue): never {
  queue.putSync('begun');
  for (;;);
}

export async function pending(queue: Queue): Promise<void> {
  queue.putSync('begun');
  await new Promise(() => {});
}

let initialised: unknown;

export function initialise(value: unknown): void {
  initialised = value;
}

export function initialisedWith(): unknown {
  return initialised;
}

export async function failToStart(): Promise<never> {
  await sleep(1);
  throw new KeyError('initializer');
}

export function exitAtStart(): void {
  process.exit(7);
}

/** A daemon may not have children. */
export function startChild(): void {
  new Process({ target: nothing }).start();
}

/** A child that makes a pool of its own. */
export async function ownPool(): Promise<unknown> {
  const pool = new Pool(4);
  const squares = await pool.map(square, [1, 2, 3, 4, 5, 6, 7]);
  pool.close();
  await pool.join();
  return squares;
}

/** A pool of threads, which a daemonic thread may have. */
export async function threadsOfOne(): Promise<unknown> {
  const pool = new ThreadPool(2);
  const squares = await pool.map(square, [1, 2, 3]);
  pool.close();
  await pool.join();
  return squares;
}

/** The worker stops itself when it takes its next task, while it holds the ring of tasks. */
export async function stopAtNextTask(): Promise<number> {
  const { Board } = await import(new URL('internals.js', import.meta.resolve('multiproc')).href);
  const { claim } = Board.prototype;
  Board.prototype.claim = function (...words: unknown[]) {
    claim.apply(this, words);
    process.kill(process.pid, 'SIGSTOP');
  };
  return process.pid;
}

/** The first worker that gets there removes the file, and ends. */
export function exitIfThere(file: string): void {
  if (!existsSync(file)) return;
  rmSync(file);
  process.exit(3);
}

/** An object of a class that nobody has loaded in the parent. */
export async function makeFar(): Promise<unknown> {
  const { Far } = await import('./pool-far.js');
  return new Far();
}

/** The same of a module that can only be imported. */
export async function makeFarther(_item: number): Promise<unknown> {
  const { Farther } = await import('./pool-farther.js');
  return new Farther();
}

export function ignoreTermination(queue: Queue): Promise<void> {
  process.on('SIGTERM', () => {});
  queue.putSync('begun');
  return sleep(60_000);
}

/** What a task leaves open does not keep its worker. */
export function leaveTimer(): void {
  setInterval(() => {}, 1000);
}

export class Point {
  readonly x: number;

  constructor(x: number) {
    this.x = x;
  }

  double(): number {
    return this.x * 2;
  }
}

export function movePoint(point: Point): Point {
  return new Point(point.double());
}

export function addTo(counter: { add(n: number): number }, n: number): void {
  counter.add(n);
}

/** Leaves a rejection that comes while the next task runs. */
export function rejectLater(): void {
  const error = new RangeError('a late rejection');
  rejection = () => void Promise.reject(error);
}

let rejection = () => {};

/** Writes to both standard streams. */
export function print(text: string): string {
  process.stdout.write(`out ${text}\n`);
  process.stderr.write(`err ${text}\n`);
  return `${process.env.POOL_MARK} ${process.execArgv.includes('--no-warnings')}`;
}

/** Fills the heap. */
export function fillHeap(): never {
  const kept: unknown[] = [];
  for (;;) kept.push(new Array(10_000).fill(kept.length));
}

/** A task that does not settle. */
export function never(): Promise<never> {
  rejection();
  return new Promise(() => setInterval(() => {}, 1000));
}

/** Returns when all parties have come. */
export async function meetAt(barrier: Barrier): Promise<boolean> {
  await barrier.wait();
  return true;
}
