import { Condition, isMainProcess, Process, Value } from 'multiproc';

export async function work(changed: Condition, jobs: Value<'i'>): Promise<void> {
  await changed.run(async () => {
    await changed.waitFor(() => jobs.value > 0);
    jobs.sub(1);
  });
  console.log('took a job');
}

if (isMainProcess) {
  const changed = new Condition();
  const jobs = new Value('i', 0);
  const worker = new Process({ target: work, args: [changed, jobs] });
  worker.start();

  await changed.run(() => {
    jobs.add(2);
    changed.notify();
  });
  // → took a job
  await worker.join();
  console.log(jobs.value); // → 1

  // Looking and waiting take the lock together; for a while only, if you say so.
  console.log(changed.runSync(() => changed.waitForSync(() => jobs.value > 1, 20))); // → false
  changed.close();
  jobs.close();
}
