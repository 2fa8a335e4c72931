/** Tells when an object has been collected. */
import { Finalize } from 'multiproc';
import { tell } from '../harness/parent.js';

const timer = setInterval(() => global.gc?.(), 10);

(() => {
  const told = () => {
    clearInterval(timer);
    void tell('collected').then(() => process.disconnect());
  };
  new Finalize(told, { object: {} });
})();
