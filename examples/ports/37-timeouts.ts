// Seven calls, their results waited for with a time limit each; one that is too short is an error, and costs nothing.
import { setTimeout as sleep } from 'node:timers/promises';
import { type AsyncResult, isMainProcess, Pool, TimeoutError } from 'multiproc';

export async function func(name: string): Promise<string> {
  console.log('start process');
  await sleep(300);
  return name.toUpperCase();
}

if (isMainProcess) {
  const results: AsyncResult<string>[] = [];
  const p = new Pool(5);
  for (let i = 0; i < 7; i++) {
    const res = p.applyAsync(func, ['kel']);
    results.push(res);
  }
  await results[0]?.get(1).catch((error) => console.log(error instanceof TimeoutError)); // milliseconds
  for (const i of results) console.log(await i.get(20_000));
  p.close();
  await p.join();
  // In any order:
  // → true
  // 7 × → start process
  // 7 × → KEL
}
