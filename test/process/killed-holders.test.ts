/** A service that lives long and makes nothing itself: what killed children held is swept when their death is noticed. */
import { type Connection, getContext, Pipe, Pool } from 'multiproc';
import t from 'tap';
import { segments } from '../harness/leftovers.js';
import { holdInWorker, holdSegments } from '../programs/holding-targets.js';

/** Waits until the segments are gone, up to ten seconds: what is left then is returned. */
async function left(names: ReadonlySet<string>): Promise<string[]> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const now = segments();
    const those = [...names].filter((name) => now.has(name));
    if (those.length === 0 || performance.now() > deadline) return those;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

for (const method of ['spawn', 'forkserver'] as const) {
  t.test(`children that are killed, one and some at once (${method})`, async (t) => {
    const { Process } = getContext(method);
    const start = async () => {
      const [reader, writer] = Pipe(false) as [Connection, Connection];
      const child = new Process({ target: holdSegments, args: [writer] });
      child.start();
      writer.close();
      const names = (await reader.recv()) as string[];
      reader.close();
      t.ok(names.length > 0 && names.every((name) => segments().has(name)), 'it has segments of its own');
      return { child, names };
    };
    for (const count of [1, 3]) {
      const holders = await Promise.all(Array.from({ length: count }, start));
      for (const { child } of holders) child.kill();
      await Promise.all(holders.map(({ child }) => child.join()));
      t.strictSame(await left(new Set(holders.flatMap(({ names }) => names))), []);
      for (const { child } of holders) child.close();
    }
  });
}

t.test('a worker of a pool that is killed', async (t) => {
  const pool = new Pool(1);
  const { pid, names } = await pool.apply(holdInWorker, []);
  t.ok(names.every((name) => segments().has(name)));
  process.kill(pid, 'SIGKILL');
  t.strictSame(await left(new Set(names)), []);
  await pool.terminate();
  await pool.join();
});
