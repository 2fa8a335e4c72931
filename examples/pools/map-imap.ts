import { isMainProcess, Pool } from 'multiproc';

export function func(name: string): string {
  return name.toUpperCase();
}

if (isMainProcess) {
  const pool = new Pool(5);
  console.log(await pool.map(func, ['kel', 'jack', 'lily']));
  // → [ 'KEL', 'JACK', 'LILY' ]
  for await (const name of pool.imap(func, ['kel', 'jack', 'lily'])) console.log(name);
  // → KEL
  // → JACK
  // → LILY
  pool.close();
  await pool.join();
}
