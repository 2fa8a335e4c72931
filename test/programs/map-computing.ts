/**
 * Computes values of a map and is killed at a random moment; several of these ask for the same keys. `NAME PLACE`. Before each
 * computation, and after it, the one that computes says so in the map.
 */
import { SharedMap } from 'multiproc';

const [name = '', place = ''] = process.argv.slice(2);
const map = new SharedMap<string, unknown>({ name });
let n = 0;
process.once('disconnect', () => process.exit());
for (;;) {
  await new Promise(setImmediate);
  const round = Number(map.get('round'));
  const key = `value ${round}`;
  const value = await map.getOrCompute(key, async () => {
    map.add(`begun ${round}`, 1);
    if (n++ % 2 === 0) await new Promise(setImmediate);
    return { round, by: place, text: `${round};`.repeat(1 + (round % 500)) };
  });
  const { round: is, text } = value as { round: number; text: string };
  if (is !== round || text !== `${round};`.repeat(1 + (round % 500))) throw new Error(`${key} is torn`);
  map.compareAndSet('round', round, round + 1);
  map.delete(`value ${round - 20}`);
  map.delete(`begun ${round - 20}`);
}
