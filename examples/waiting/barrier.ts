import { Barrier, BrokenBarrierError, isMainProcess, Process, SharedArray } from 'multiproc';

export async function party(step: Barrier, cells: SharedArray<'d'>, i: number): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const left = cells[(i + cells.length - 1) % cells.length] as number;
    await step.wait(); // all have looked
    cells[i] = left + 1;
    await step.wait(); // all have written
  }
}

if (isMainProcess) {
  const step = new Barrier(3, { timeout: 30_000 });
  const cells = new SharedArray('d', 3);
  const parties = [0, 1, 2].map((i) => new Process({ target: party, args: [step, cells, i] }));
  for (const each of parties) each.start();
  for (const each of parties) await each.join();
  console.log(cells.join(' ')); // → 10 10 10

  try {
    await step.wait(20); // nobody else comes
  } catch (error) {
    console.log(error instanceof BrokenBarrierError, step.broken); // → true true
  }
  step.reset();
  console.log(step.broken, step.nWaiting); // → false 0
  step.close();
  cells.close();
}
