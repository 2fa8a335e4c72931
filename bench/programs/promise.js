// The floor for every promise form: awaiting a promise that is already resolved.
import { nanosecondsAsync, report } from './measure.js';

async function nothing() {
  return true;
}

report({
  ns: await nanosecondsAsync(async (n) => {
    for (let i = 0; i < n; i++) await nothing();
  }),
});
