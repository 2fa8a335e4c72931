// Every wait takes milliseconds, or an object with a time-out and a signal; the blocking form takes no signal.
import { Barrier, Condition, Event, Lock, RLock, Semaphore, TimeoutError, wait } from 'multiproc';
import { expectAssignable, expectError, expectType } from 'tsd';

const lock = new Lock();
expectType<Promise<boolean>>(lock.acquire());
expectType<Promise<boolean>>(lock.acquire(100));
expectType<Promise<boolean>>(lock.acquire({ timeout: 100, signal: new AbortController().signal }));
expectType<boolean>(lock.acquireSync(100));
expectError(lock.acquire('100'));
expectType<Promise<number>>(lock.run(() => 1));
expectType<Promise<number>>(lock.run(async () => 1));
expectType<string>(lock.runSync(() => 'text'));
expectAssignable<Disposable>(lock.holdSync());
expectType<boolean>(new RLock().tryAcquire());
expectType<Promise<boolean>>(new Semaphore(2, { name: 'name', robust: true }).acquire());
expectError(new Semaphore('2'));
expectType<Promise<boolean>>(new Event().wait(10));
expectType<Promise<number>>(new Barrier(2).wait());
expectType<Promise<boolean>>(new Condition().waitFor(() => true));
expectError(new Condition().waitFor(1));
expectAssignable<Error>(new TimeoutError('text'));
expectError(wait('text'));
