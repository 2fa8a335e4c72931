import { text } from 'node:stream/consumers';
import { Pool, ThreadPool, WorkerLostError } from 'multiproc';
import t from 'tap';
import { fillHeap, never, print, rejectLater } from '../programs/pool-targets.js';

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
