// Ours: acquire and release a lock that nobody else wants, in the form named by the argument.
import { Lock } from 'multiproc';
import { nanoseconds, nanosecondsAsync, report } from './measure.js';

const lock = new Lock();
const forms = {
  try: () =>
    nanoseconds((n) => {
      for (let i = 0; i < n; i++) {
        if (!lock.tryAcquire()) throw new Error('somebody else has it');
        lock.release();
      }
    }),
  sync: () =>
    nanoseconds((n) => {
      for (let i = 0; i < n; i++) {
        lock.acquireSync();
        lock.release();
      }
    }),
  promise: () =>
    nanosecondsAsync(async (n) => {
      for (let i = 0; i < n; i++) {
        await lock.acquire();
        lock.release();
      }
    }),
};
report({ ns: await forms[process.argv[2]]() });
lock.close();
