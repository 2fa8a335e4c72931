/** A member of a named pool, which does what it is told by messages: `[what, ...arguments]`. Its first argument is the name. */
import { type AsyncResult, Pool, type PoolOptions, Queue, Value } from 'multiproc';
import { hear, tell } from '../harness/parent.js';
import { addTo, hostPid, rest, stop } from './pool-member-targets.js';

const [, , name = '', size] = process.argv;
let pool: Pool | undefined;
const pending: AsyncResult<unknown>[] = [];
const begun = new Queue();

async function perform(what: string, argument: unknown): Promise<unknown> {
  if (what === 'join') {
    pool = new Pool(size === undefined ? null : Number(size), { name, ...(argument as PoolOptions) });
    return process.pid;
  }
  const own = pool as Pool;
  if (what === 'host') return own.run(hostPid);
  if (what === 'workers') return own.stats().workers.map(({ pid }) => pid);
  if (what === 'begin') {
    pending.push(own.applyAsync(rest, [begun, argument as number]));
    return begun.get();
  }
  if (what === 'outcomes') {
    return Promise.all(pending.splice(0).map((result) => result.get().then(String, (error) => error.name)));
  }
  if (what === 'stop') return own.run(stop, argument as number);
  if (what === 'shared') {
    const value = new Value('i', 40);
    const total = await own.run(addTo, value, 2);
    return [total, value.value];
  }
  if (what === 'sync') return own.applyAsync(hostPid).getSync(60_000);
  if (what === 'close') {
    own.close();
    return own.join(60_000);
  }
  if (what === 'drain') return own.drain(argument as number);
  if (what === 'terminate') {
    own.terminate();
    return own.join(60_000);
  }
  throw new Error(`What is ${what}?`);
}

for (;;) {
  const [what, argument] = (await hear()) as [string, unknown];
  if (what === 'end') break;
  const answer = await perform(what, argument).catch(({ name, message, code }) => ({ name, message, code }));
  await tell(answer);
}
process.disconnect();
