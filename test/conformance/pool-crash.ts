/**
 * Workers are killed at random moments under load: every task settles exactly once, with its own result or with the loss
 * of its worker; no more are lost than workers, and the pool keeps its size. Run by one test file for each kind of worker.
 *
 * MULTIPROC_POOL_KILLS sets how many are killed (default 25), MULTIPROC_POOL_SEED repeats a run's choices (not its timing).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Pool as PoolClass, WorkerLostError } from 'multiproc';
import type { Test } from 'tap';
import { until } from '../harness/until.js';
import { describe, echo, half, square } from '../programs/pool-targets.js';

const kills = Number(process.env.MULTIPROC_POOL_KILLS ?? 12);
const seed = Number(process.env.MULTIPROC_POOL_SEED ?? Date.now() % 1e9);
const size = 3;

/** Numbers from 0 to 1 that the seed decides: Lehmer's generator. */
function generator(start: number): () => number {
  let state = (start % 2147483646) + 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

type Victim = ReturnType<PoolClass['stats']>['workers'][number];

/** Kills a worker that is a process; whether there was still one. */
export function killProcess({ pid }: Victim): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    return false;
  }
}

/** @param kill - kills the worker without asking; whether there was still one */
export function poolCrashSuite(
  t: Test,
  Pool: new (size: number) => PoolClass,
  kill: (victim: Victim) => boolean,
): void {
  t.test(`${kills} workers are killed`, async (t) => {
    t.comment(`seed ${seed}`);
    const random = generator(seed);
    const pool = new Pool(size);
    t.teardown(async () => {
      pool.terminate();
      await pool.join();
    });
    const books = { given: 0, settled: 0, lost: 0, wrong: 0, twice: 0, others: [] as unknown[] };
    const bytes = Buffer.alloc(40_000, 7);

    /** Gives one piece of work, and books what comes of it. */
    const give = (work: Promise<unknown>, isRight: (value: unknown) => boolean) => {
      books.given++;
      let settled = 0;
      const settle = () => {
        books.settled++;
        if (++settled > 1) books.twice++;
      };
      return work.then(
        (value) => {
          settle();
          if (!isRight(value)) books.wrong++;
        },
        (error) => {
          settle();
          if (error instanceof WorkerLostError) books.lost++;
          else books.others.push(error);
        },
      );
    };
    const pieces = [
      (x: number) => give(pool.apply(square, [x]), (value) => value === x * x),
      (x: number) => give(pool.apply(square, [x, x % 4]), (value) => value === x * x),
      (x: number) => give(pool.apply(describe, [x]), (value) => (value as { x: number }).x === x),
      (x: number) => give(pool.apply(echo, [bytes]), (value) => bytes.equals(value as Buffer) && x >= 0),
      (x: number) => {
        const items = Array.from({ length: 300 }, (_, i) => x + i);
        const isRight = (value: unknown) => (value as number[]).every((one, i) => one === (x + i) / 2);
        return give(pool.map(half, items, { chunksize: 300 }), isRight);
      },
    ];

    let isOver = false;
    const load = async () => {
      while (!isOver) {
        const round = Array.from({ length: 20 }, () => {
          const x = Math.floor(random() * 1000);
          return (pieces[Math.floor(random() * pieces.length)] as (x: number) => Promise<void>)(x);
        });
        await Promise.all(round);
      }
    };
    const loads = [load(), load(), load()];

    const killed = { starting: 0, idle: 0, busy: 0, retired: 0 };
    for (let count = 0; count < kills; ) {
      // Killed faster than they start, workers would never come to their work.
      const goal = books.settled + Math.floor(random() * 40);
      await until('work goes on', () => books.settled >= goal);
      await sleep(random() * 5);
      const { workers } = pool.stats();
      const busy = workers.filter(({ state }) => state === 'busy');
      const among = random() < 0.5 && busy.length > 0 ? busy : workers;
      const victim = among[Math.floor(random() * among.length)];
      if (victim === undefined || !kill(victim)) continue;
      killed[victim.state]++;
      count++;
    }
    isOver = true;
    await Promise.all(loads);
    const { lost, waitTime } = pool.stats();
    t.comment(JSON.stringify({ ...books, killed, workersLost: lost, longestWait: Math.round(waitTime.max) }));
    t.equal(books.settled, books.given);
    t.equal(books.twice, 0);
    t.equal(books.wrong, 0);
    t.strictSame(books.others, []);
    t.ok(books.lost <= kills, `${books.lost} tasks lost with ${kills} workers`);
    await until('the pool has its size again', () => pool.stats().workers.length === size);
    t.equal(pool.stats().queued + pool.stats().running, 0);
    t.equal(await pool.apply(square, [5]), 25);
  });
}
