/** Programs with a manager whose own end is what is tested: `manager-parent SCENARIO METHOD`. */
import { getContext, isMainProcess, type StartMethod, type SyncManager } from 'multiproc';
import { hangUp, tell } from '../harness/parent.js';
import { who } from './pool-targets.js';

const [, , scenario = '', method = 'forkserver'] = process.argv;

const scenarios: Record<string, (manager: SyncManager) => unknown> = {
  /** Stays until it is killed. */
  async serve(manager) {
    const pool = await manager.Pool(2);
    await pool.apply(who);
    const { workers } = await pool.stats();
    await introduce(
      manager,
      workers.map(({ pid }) => pid),
    );
    setInterval(() => {}, 1000);
  },

  async idle(manager) {
    const list = await manager.list([1]);
    await list.append(2);
    await introduce(manager);
    hangUp();
  },

  async 'idle sync'(manager) {
    const list = manager.sync.list([1]);
    list.sync.append(2);
    await introduce(manager);
    hangUp();
  },

  async 'not shut down'(manager) {
    await introduce(manager);
    hangUp();
  },

  async 'unreferenced wait'(manager) {
    const queue = await manager.Queue();
    void queue.get({ ref: false }).catch(() => {});
    await introduce(manager);
    hangUp();
  },

  async wait(manager) {
    const queue = await manager.Queue();
    await introduce(manager);
    const later = await manager.Event();
    // Nothing but the answer keeps it alive meanwhile.
    void later.wait(100).then(async () => {
      await tell('answered');
      hangUp();
    });
    process.channel?.unref();
    await queue.qsize();
  },
};

async function introduce(manager: SyncManager, workers: number[] = []): Promise<void> {
  await tell({ pid: manager.process?.pid, address: manager.address, workers });
}

if (isMainProcess) {
  const manager = await getContext(method as StartMethod).Manager();
  await scenarios[scenario]?.(manager);
}
