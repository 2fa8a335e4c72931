import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Process } from 'multiproc';
import { Process as Thread } from 'multiproc/dummy';
import t from 'tap';
import { until } from '../harness/until.js';
import { echo } from '../programs/pool-targets.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

t.test('a process that was started keeps none of its arguments', async (t) => {
  for (const ProcessClass of [Process, Thread]) {
    const kept: Process[] = [];
    const start = () => {
      const argument = { large: new Uint8Array(1000) };
      const child = new ProcessClass({ target: echo, args: [argument] });
      child.start();
      kept.push(child);
      return new WeakRef(argument);
    };
    const argument = start();
    await kept[0]?.join();
    await until('the argument is collected', () => {
      collect();
      return argument.deref() === undefined;
    });
    t.equal(argument.deref(), undefined, ProcessClass === Thread ? 'thread' : 'process');
    kept[0]?.close();
  }
});
