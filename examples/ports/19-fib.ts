// Two workers run a memoised function, which travels by the name that it is registered under.
import { isMainProcess, Pool, register } from 'multiproc';

function memoised(fn: (n: number) => number): (n: number) => number {
  const known = new Map<number, number>();
  return (n) => {
    const value = known.get(n) ?? fn(n);
    known.set(n, value);
    return value;
  };
}

// What a wrapper makes is no declaration of this module, so it goes by a name.
const fib: (n: number) => number = register(
  'fib',
  memoised((n) => (n < 2 ? n : fib(n - 1) + fib(n - 2))),
);

if (isMainProcess) {
  const pool = new Pool(2);
  console.log(await pool.map(fib, [35, 35]));
  // → [ 9227465, 9227465 ]
  pool.close();
  await pool.join();
}
