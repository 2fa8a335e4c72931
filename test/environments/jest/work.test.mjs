import { Lock, Pool, Process, Queue } from 'multiproc';
import { fail, fib } from './work.mjs';

const file = new URL('./work.mjs', import.meta.url).href;

async function withPool(use) {
  const pool = new Pool(2);
  try {
    return await use(pool);
  } finally {
    pool.terminate();
    await pool.join();
  }
}

test('exported functions of imported modules run in pools and processes', async () => {
  await withPool(async (pool) => {
    expect(await pool.map(fib, [5, 6])).toStrictEqual([5, 8]);
    expect(await pool.apply({ module: file, export: 'fib' }, [7])).toBe(13);
  });
  const child = new Process({ target: fib, args: [10] });
  child.start();
  expect(await child.result).toBe(55);
}, 30_000);

test('errors and results have the classes of the test', async () => {
  expect(() => new Lock({ name: 5 })).toThrow(TypeError);
  await withPool((pool) => expect(pool.apply(fail)).rejects.toThrow(TypeError));
  const queue = new Queue();
  await queue.put([new Map([[1, { a: new Date(0) }]]), new Error('x')]);
  const value = await queue.get();
  expect(value).toBeInstanceOf(Array);
  expect(value[0]).toBeInstanceOf(Map);
  expect(value[1]).toBeInstanceOf(Error);
}, 30_000);
