// Processes, pools, contexts and the error classes.

import {
  type AsyncResult,
  activeChildren,
  getContext,
  isMainProcess,
  type MultiprocError,
  Pool,
  Process,
  setStartMethod,
  ThreadPool,
  TimeoutError,
  type WorkerLostError,
} from 'multiproc';
import * as dummy from 'multiproc/dummy';
import { fork, waitpid } from 'multiproc/posix';
import { expectAssignable, expectError, expectType } from 'tsd';

const add = (a: number, b: number): number => a + b;
const slow = async (text: string): Promise<number> => text.length;

const child = new Process({ target: add, args: [1, 2], name: 'child', daemon: true });
expectType<void>(child.start());
expectType<Promise<boolean>>(child.join(100));
expectType<number | null>(child.exitCode);
expectType<Process[]>(activeChildren());
expectType<boolean>(isMainProcess);
expectError(new Process({ target: 1 }));
expectError(new Process({ traget: add }));
expectError(setStartMethod('thread'));
expectAssignable<Process>(new (getContext('spawn').Process)({ target: add }));

for (const pool of [new Pool(2), new ThreadPool(2), new dummy.Pool(2)]) {
  expectType<Promise<number>>(pool.run(add, 1, 2));
  expectError(pool.run(add, 1));
  expectError(pool.run(add, 1, 'two'));
  expectType<Promise<number>>(pool.apply(slow, ['text'], { timeout: 10 }));
  expectType<AsyncResult<number>>(pool.applyAsync(slow, ['text']));
  expectType<Promise<number[]>>(pool.map(slow, ['text']));
  expectError(pool.map(slow, [1]));
  expectType<Promise<number[]>>(pool.starmap(add, [[1, 2]]));
  for await (const each of pool.imap(slow, ['text'])) expectType<number>(each);
}
expectError(new Pool('2'));

// Arguments are checked one by one; those of other iterables are not.
const workers = new Pool(2);
expectError(workers.apply(add, ['x', 2]));
expectError(workers.apply(add, [1]));
expectError(workers.apply(add, [1, 2, 3]));
expectError(workers.applyAsync(add, ['x', 2]));
expectError(workers.applyAsync(slow, [1]));
expectType<Promise<number>>(workers.apply(add, new Set([1, 2])));
expectError(workers.starmap(add, [[1, 'x']]));
expectError(workers.starmapAsync(add, [[1]]));
expectError(workers.mapAsync(slow, [1]));
expectError(workers.imap(slow, [1]));
expectError(workers.imapUnordered(slow, new Set([1])));
const seen = (done: number, total: number | undefined): void => console.log(done, total);
expectType<Promise<boolean>>(workers.drain({ timeout: 10 }));
workers.imap(slow, ['text'], { onProgress: seen, progress: true });
expectError(workers.imap(slow, ['text'], { onProgress: 'text' }));

// An initializer's arguments are those of its parameters.
const set = (name: string, size: number): void => console.log(name, size);
expectAssignable<Pool>(new Pool(2, { initializer: set, initargs: ['text', 1] }));
expectAssignable<ThreadPool>(new ThreadPool(2, { initializer: set, initargs: ['text', 1] }));
expectAssignable<Pool>(new Pool(2, { initializer: set, initargs: new Set(['text', 1]) }));
expectError(new Pool(2, { initializer: set, initargs: ['text', 'text'] }));
expectError(new Pool(2, { initializer: set, initargs: ['text'] }));
expectError(new Pool(2, { initializer: set, initargs: 'text' }));
expectError(new ThreadPool(2, { initializer: set, initargs: [1, 2] }));
expectError(new (getContext('spawn').Pool)(2, { initializer: set, initargs: [1, 2] }));

expectAssignable<MultiprocError>(new TimeoutError('text'));
const lost = {} as WorkerLostError;
expectType<number | undefined>(lost.exitCode);
expectAssignable<string | null>(lost.signal);

expectType<number>(fork());
expectAssignable<{ pid: number } | null>(waitpid(1));
