/**
 * Values, arrays and structs that a child changes, under every start method that this program can use. The child's module
 * imports nothing of the package: the classes of its arguments are there all the same.
 */
import { getAllStartMethods, getContext, RawArray, RawValue, SharedArray, Struct, Value } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';

leaveNothing(t);

const module = new URL('../programs/shared-targets.js', import.meta.url);
const Pair = Struct({ x: 'i', y: 'd' });

for (const method of getAllStartMethods()) {
  // A program forks only if it was started for it.
  const skip = method === 'fork' && !process.execArgv.includes('--single-threaded');
  for (const [how, valueClass, arrayClass] of [
    ['double', RawValue, RawArray],
    ['doubleLocked', Value as typeof RawValue, SharedArray as typeof RawArray],
  ] as const) {
    t.test(`${method}: ${how}`, { skip: skip && 'this program cannot fork' }, async (t) => {
      const shared = {
        number: new valueClass('i', 7),
        fraction: new valueClass('d', 1 / 3),
        wide: new valueClass('q', 2 ** 33),
        pair: new valueClass(Pair, [3, 2]),
        doubles: new arrayClass('d', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        text: new arrayClass('c', 20),
      };
      shared.text.value = 'hello';
      const { Process } = getContext(method);
      const child = new Process({ target: { module, export: how }, args: [shared] });
      child.start();
      t.ok(await child.join());
      t.equal(child.exitCode, 0);
      const { number, fraction, wide, pair, doubles, text } = shared;
      t.strictSame([number.value, fraction.value, wide.value], [14, 2 / 3, 2n ** 34n]);
      t.strictSame([pair.x, pair.y], [6, 4]);
      t.strictSame([...doubles], [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
      t.equal(text.value.toString(), 'hellohello');
      for (const each of Object.values(shared)) each.close();
    });
  }
}
