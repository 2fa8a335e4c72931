// Ours: `get` of a dict in a manager's server. Arguments: sync, promise or flight (64 at a time); tcp: not by shared memory.
import { isMainProcess, Manager, SyncManager } from 'multiproc';
import { report } from './measure.js';

const [form, way] = process.argv.slice(2);

const loads = {
  promise: async (dict) => quantiles(async (i) => dict.get(i & 1 ? 'a' : 'b')),
  sync: async (dict) => quantiles((i) => dict.sync.get(i & 1 ? 'a' : 'b')),

  /** Each of 64 tasks makes one call after the other. */
  async flight(dict) {
    const calls = 4_000;
    const task = async () => {
      for (let i = 0; i < calls; i++) await dict.get('a');
    };
    const seconds = [];
    for (let batch = -1; batch < 3; batch++) {
      const start = performance.now();
      await Promise.all(Array.from({ length: 64 }, task));
      if (batch >= 0) seconds.push((performance.now() - start) / 1000);
    }
    return { perSecond: (64 * calls) / seconds.sort((a, b) => a - b)[1] };
  },
};

async function quantiles(call, rounds = 20_000) {
  const times = new Float64Array(rounds);
  for (let i = -5_000; i < rounds; i++) {
    const start = process.hrtime.bigint();
    const answer = call(i);
    if (form === 'promise') await answer;
    if (i >= 0) times[i] = Number(process.hrtime.bigint() - start) / 1000;
  }
  times.sort();
  return { p50: times[rounds / 2], p99: times[Math.floor(rounds * 0.99)] };
}

if (isMainProcess) {
  const manager = way === 'tcp' ? new SyncManager({ address: ['127.0.0.1', 0] }) : await Manager();
  if (way === 'tcp') await manager.start();
  const figures = await loads[form](await manager.dict({ a: 1, b: 'two' }));
  await manager.shutdown();
  report(figures);
}
