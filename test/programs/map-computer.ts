/** Computes the value of a key of a map, and does not get to the end. `NAME KEY` */
import { SharedMap } from 'multiproc';

const [name = '', key = ''] = process.argv.slice(2);
const map = new SharedMap<string, string>({ name });
void map.getOrCompute(key, () => {
  process.send?.('computing');
  return new Promise(() => {});
});
setInterval(() => {}, 1000);
