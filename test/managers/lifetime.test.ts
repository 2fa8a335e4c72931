/** How long servers and clients live: a server ends with its creator, and a proxy that nobody uses keeps no program alive. */
import { existsSync, readFileSync } from 'node:fs';
import { sweep } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import { until } from '../harness/until.js';

export const sweepAfterwards = true;

t.setTimeout(120_000);
t.before(() => leaveNothing(t));

interface Told {
  pid: number;
  address: string;
  workers: number[];
}

function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return false;
  }
}

for (const method of ['forkserver', 'spawn']) {
  t.test(`the server and its pool end with a creator that is killed, ${method}`, async (t) => {
    const parent = program(t, 'manager-parent', { args: ['serve', method] });
    const { pid, workers } = await parent.message<Told>();
    t.equal([pid, ...workers].filter(isAlive).length, 3);
    parent.kill();
    await parent.ended;
    for (const each of [pid, ...workers]) await until('it ends', () => !isAlive(each));
    sweep();
  });
}

for (const scenario of ['idle', 'idle sync', 'not shut down', 'unreferenced wait']) {
  t.test(`a program ends by itself: ${scenario}`, async (t) => {
    const client = program(t, 'manager-parent', { args: [scenario, 'forkserver'] });
    const { pid, address } = await client.message<Told>();
    t.strictSame(await client.ended, { code: 0, signal: null }, client.stderr);
    await until('the server ends', () => !isAlive(pid));
    t.notOk(existsSync(address), 'the socket is gone');
  });
}

t.test('a wait keeps its program alive until it is answered', async (t) => {
  const client = program(t, 'manager-parent', { args: ['wait', 'forkserver'] });
  await client.message<Told>();
  t.equal(await client.message(), 'answered');
  t.strictSame(await client.ended, { code: 0, signal: null }, client.stderr);
});
