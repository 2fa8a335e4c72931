// Ours: round trips of small integers through a Pipe to another process: µs, median and 99th percentile.
// Arguments: sync, promise or rest (10 ms before each); one-cpu: both sides on the first CPU.
import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { deserialize, Pipe, serialize } from 'multiproc';
import { report } from './measure.js';

const [form, where, handle] = process.argv.slice(2);
const rest = form === 'rest';

if (handle !== undefined) {
  const end = deserialize(Buffer.from(handle, 'base64'));
  end.sendSync('ready');
  for (;;) {
    const value = form === 'promise' ? await end.recv() : end.recvSync();
    if (value === null) break;
    end.sendSync(value);
  }
  process.disconnect();
} else {
  if (where === 'one-cpu') execFileSync('taskset', ['-acp', '0', String(process.pid)], { stdio: 'ignore' });
  const [end, other] = Pipe();
  const child = fork(fileURLToPath(import.meta.url), [form, String(where), serialize(other).toString('base64')]);
  other.close();
  await end.recv();
  // Compiled code on both sides before it counts, as in C.
  const [warmUp, rounds] = [20_000, rest ? 200 : 100_000];
  const times = new Float64Array(rounds);
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let i = -warmUp; i < rounds; i++) {
    if (rest && i >= -20) Atomics.wait(pause, 0, 0, 10);
    const start = process.hrtime.bigint();
    end.sendSync(i & 127);
    if (form === 'promise') await end.recv();
    else end.recvSync();
    if (i >= 0) times[i] = Number(process.hrtime.bigint() - start) / 1000;
  }
  end.sendSync(null);
  await once(child, 'exit');
  times.sort();
  report({ p50: times[rounds / 2], p99: times[Math.floor(rounds * 0.99)] });
}
