// The floor in JavaScript: a pair of compareExchange, and nothing that notices death or waiters.
import { nanoseconds, report } from './measure.js';

const words = new Int32Array(new SharedArrayBuffer(4));
const me = 5;
report({
  ns: nanoseconds((n) => {
    for (let i = 0; i < n; i++) {
      if (Atomics.compareExchange(words, 0, 0, me) !== 0) throw new Error('somebody else has it');
      if (Atomics.compareExchange(words, 0, me, 0) !== me) throw new Error('somebody took it');
    }
  }),
});
