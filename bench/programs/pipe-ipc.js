// Node's own: round trips of small integers through the channel of a forked child: µs, median and 99th percentile.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { report } from './measure.js';

if (process.send) {
  process.on('message', (value) => (value === null ? process.disconnect() : process.send(value)));
} else {
  const child = fork(fileURLToPath(import.meta.url), [], { serialization: 'advanced' });
  const rounds = 10_000;
  const times = new Float64Array(rounds);
  for (let i = -1000; i < rounds; i++) {
    const start = process.hrtime.bigint();
    child.send(i & 127);
    await once(child, 'message');
    if (i >= 0) times[i] = Number(process.hrtime.bigint() - start) / 1000;
  }
  child.send(null);
  await once(child, 'exit');
  times.sort();
  report({ p50: times[rounds / 2], p99: times[Math.floor(rounds * 0.99)] });
}
