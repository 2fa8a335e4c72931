/** Drops a pool with work to do, and then without, and tells what becomes of it. */
import { once } from 'node:events';
import { activeChildren, isMainProcess, Pool, ThreadPool } from 'multiproc';
import { activeChildren as activeThreads } from 'multiproc/dummy';
import { until } from '../harness/until.js';
import { echo } from './pool-targets.js';

if (isMainProcess) {
  const collect = (globalThis as unknown as { gc(): void }).gc;
  const PoolClass = process.argv[2] === 'Pool' ? Pool : ThreadPool;
  let isWarned = false;
  const warned = once(process, 'warning') as Promise<[Error]>;
  void warned.then(() => {
    isWarned = true;
  });
  const work = () => new PoolClass(1).map(echo, [1, 2, 3], { chunksize: 1 });

  const pending = work();
  collect();
  process.send?.({ results: await pending });
  await until('the pool is collected', () => {
    collect();
    return isWarned;
  });
  const [{ name, message }] = await warned;
  process.send?.({ name, message });
  await until('its workers have ended', () => activeChildren().length + activeThreads().length === 0);
  process.send?.({ running: activeChildren().length + activeThreads().length });
  process.disconnect?.();
}
