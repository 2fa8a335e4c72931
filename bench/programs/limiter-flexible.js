// rate-limiter-flexible: `memory`, of one process, or `cluster`, of a worker that asks its primary, one call at a time.
import cluster from 'node:cluster';
import flexible from 'rate-limiter-flexible';
import { nanosecondsAsync, report } from './measure.js';

const [form] = process.argv.slice(2);
const keys = Array.from({ length: 10_000 }, (_, i) => `user:${i}`);
const options = { keyPrefix: 'bench', points: 1e9, duration: 1000 };

if (form === 'memory') {
  const limiter = new flexible.RateLimiterMemory(options);
  const ns = await calls(limiter, 50_000);
  report({ ns });
  // Each key has a timer.
  process.exit();
} else if (cluster.isPrimary) {
  new flexible.RateLimiterClusterMaster();
  cluster.fork().on('message', ({ ns }) => {
    if (ns === undefined) return;
    report({ ns });
    process.exit();
  });
} else {
  const limiter = new flexible.RateLimiterCluster(options);
  const ns = await calls(limiter, 1000);
  process.send({ ns });
}

function calls(limiter, iterations) {
  return nanosecondsAsync(
    async (n) => {
      for (let i = 0; i < n; i++) await limiter.consume(keys[i % keys.length]);
    },
    { iterations, batches: 9 },
  );
}
