// A map gives a list, an imap gives one result after the other.
import { isMainProcess, Pool } from 'multiproc';

export function func(name: string): string {
  console.log('start process');
  return name.toUpperCase();
}

if (isMainProcess) {
  const p = new Pool(5);
  console.log(await p.map(func, ['kel', 'smile']));
  for await (const i of p.imap(func, ['kel', 'smile'])) console.log(i);
  p.close();
  await p.join();
  // 2 × → start process
  // → [ 'KEL', 'SMILE' ]
  // In any order:
  // 2 × → start process
  // → KEL
  // → SMILE
}
