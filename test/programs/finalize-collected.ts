/** Tells when two objects have been collected; the callback of the first throws. */
import { Finalize } from 'multiproc';
import { tell } from '../harness/parent.js';

const timer = setInterval(() => global.gc?.(), 10);

(() => {
  const throws = () => {
    new Finalize(told, { object: {} });
    throw new Error('not today');
  };
  const told = () => {
    clearInterval(timer);
    void tell('collected').then(() => process.disconnect());
  };
  new Finalize(throws, { object: {} });
})();
