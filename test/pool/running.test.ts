import { text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { Barrier, Pool, ThreadPool, WorkerLostError } from 'multiproc';
import t from 'tap';
import { until } from '../harness/until.js';
import { fillHeap, meetAt, never, print, rejectLater } from '../programs/pool-targets.js';

// How the workers of a pool are run by node, and what a pool says of their ends.

for (const [name, PoolClass] of Object.entries({ Pool, ThreadPool })) {
  t.test(`a ${name} runs its workers with the options, and carries what they write`, async (t) => {
    const pool = new PoolClass(2, {
      execArgv: ['--no-warnings'],
      env: { ...process.env, POOL_MARK: 'marked' },
      stdio: 'pipe',
    });
    t.teardown(() => pool[Symbol.asyncDispose]());
    const outputs = [pool.stdout, pool.stderr].map((stream) => text(stream as NodeJS.ReadableStream));
    t.same(await pool.map(print, ['a', 'b', 'c'], { chunksize: 1 }), new Array(3).fill('marked true'));
    pool.close();
    await pool.join();
    const [out, err] = await Promise.all(outputs);
    t.same(out?.trim().split('\n').sort(), ['out a', 'out b', 'out c']);
    t.same(err?.trim().split('\n').sort(), ['err a', 'err b', 'err c']);
  });

  t.test(`workers of a ${name} are started as tasks come, and end when they have none`, async (t) => {
    const pool = new PoolClass(50, { minWorkers: 1, idleTimeout: 20 });
    t.teardown(() => pool[Symbol.asyncDispose]());
    const count = () => pool.stats().workers.length;
    t.equal(count(), 1);
    await pool.apply(print, ['x']);
    t.equal(count(), 1);
    for (const round of [1, 2]) {
      // All of them run at the same time, or none ends.
      const barrier = new Barrier(6);
      await Promise.all(Array.from({ length: 6 }, () => pool.apply(meetAt, [barrier])));
      await until(`the others have ended, ${round}`, () => count() === 1);
      t.match(await pool.apply(print, ['x']), / false$/);
      barrier.close();
    }
    pool.close();
    t.equal(await pool.join(), true);
  });

  t.test(`a ${name} starts workers while its thread is blocked`, async (t) => {
    const pool = new PoolClass(6, { minWorkers: 0 });
    t.teardown(() => pool[Symbol.asyncDispose]());
    t.equal(pool.stats().workers.length, 0);
    const barrier = new Barrier(6);
    const results = Array.from({ length: 6 }, () => pool.applyAsync(meetAt, [barrier]));
    for (const result of results) t.equal(result.getSync(), true);
    t.equal(pool.stats().workers.length, 6);
    barrier.close();
  });

  t.test(`the number of workers of a ${name} is checked`, async (t) => {
    const wrong = (processes: number | undefined, options: object) => () => new PoolClass(processes, options);
    t.throws(wrong(2, { minWorkers: 3 }), { name: 'ValueError', message: /"minWorkers" to be at most .* 2, got 3/ });
    t.throws(wrong(2, { maxWorkers: 3 }), { name: 'ValueError', message: /"maxWorkers" to be "processes", 2/ });
    t.throws(wrong(undefined, { maxWorkers: 0 }), { name: 'ValueError', message: /"maxWorkers" to be at least 1/ });
    t.throws(wrong(2, { minWorkers: -1 }), { name: 'ValueError', message: /"minWorkers" to be at least 0/ });
    t.throws(wrong(2, { minWorkers: 1.5 }), { name: 'TypeError', message: /"minWorkers" to be an integer/ });
    for (const idleTimeout of [-1, 1.5, 'x', 2 ** 31, Number.NaN]) {
      t.throws(wrong(2, { idleTimeout }), { name: 'RangeError', message: /"idleTimeout" .*milliseconds/ });
    }
    const pool = new PoolClass(undefined, { maxWorkers: 1, idleTimeout: Infinity });
    t.match(inspect(pool), /pool_size=1>/);
    await pool[Symbol.asyncDispose]();
  });

  t.test(`a worker of a ${name} that is out of its memory fails its task alone`, async (t) => {
    const pool = new PoolClass(1, { resourceLimits: { maxOldGenerationSizeMb: 24 }, stdio: 'ignore' });
    t.teardown(() => pool[Symbol.asyncDispose]());
    await t.rejects(pool.apply(fillHeap, []), WorkerLostError);
    t.match(await pool.apply(print, ['x']), / false$/);
  });

  t.test(`the error of a ${name} for a lost worker has the uncaught error as its cause`, async (t) => {
    const pool = new PoolClass(1, { stdio: 'ignore' });
    t.teardown(() => pool[Symbol.asyncDispose]());
    await pool.apply(rejectLater, []);
    const error = await pool.apply(never, []).catch((thrown) => thrown);
    t.ok(error instanceof WorkerLostError);
    t.match(error.message, /while it ran the task, of an error that was not caught: RangeError: a late rejection$/);
    t.match(error.cause, { name: 'RangeError', message: 'a late rejection', stack: /rejectLater|pool-targets/ });
  });
}

t.test('the stdin of workers cannot be a pipe', (t) => {
  t.throws(() => new Pool(1, { stdio: ['pipe', 'inherit', 'inherit'] }), {
    name: 'TypeError',
    message: /"stdio" of a pool/,
  });
  t.end();
});
