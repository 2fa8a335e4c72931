/** Arguments and results of any size that a Buffer holds: 64 MiB here, more than 2 GiB in the long form. */
import { constants } from 'node:buffer';
import { getContext } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { filled, sum } from '../programs/large-targets.js';

t.setTimeout(300_000);
leaveNothing(t);
const size = Number(process.env.MULTIPROC_LARGE_BYTES ?? 64 * 2 ** 20);

t.test('large arguments and results arrive whole', async (t) => {
  const { Process } = getContext('forkserver');
  const bytes = filled(size);
  const summing = new Process({ target: sum, args: [bytes, { again: bytes }] });
  summing.start();
  t.strictSame(await summing.result, [size, sum(bytes)[1], true]);
  const filling = new Process({ target: filled, args: [size] });
  filling.start();
  t.strictSame(sum((await filling.result) as Buffer), sum(bytes));
  await Promise.all([summing.join(), filling.join()]);
});

t.test(
  'arguments that no child could read are refused',
  { skip: size < constants.MAX_LENGTH / 2 && 'only with MULTIPROC_LARGE_BYTES of half a Buffer' },
  async (t) => {
    const { Process } = getContext('forkserver');
    const child = new Process({ target: sum, args: [filled(size), filled(size)] });
    t.throws(() => child.start(), { name: 'RangeError', message: /SharedArray/ });
  },
);
