// Ours beside a plain Float64Array: read, change and write every element.
import { RawArray, SharedArray } from 'multiproc';
import { nanoseconds, report } from './measure.js';

const length = 1000;
const make = {
  plain: () => new Float64Array(length),
  shared: () => new SharedArray('d', length),
  raw: () => new RawArray('d', length),
};
const array = make[process.argv[2]]();
report({
  ns: nanoseconds((n) => {
    for (let done = 0; done < n; done += length) {
      for (let i = 0; i < length; i++) array[i] = array[i] * 0.5 + 1;
    }
  }),
});
array.close?.();
