/** The package's front door: what `import` and `require` find under its names. */
import { createRequire } from 'node:module';
import * as multiproc from 'multiproc';
import t from 'tap';

t.test('import and require() find the same module', async (t) => {
  t.equal(createRequire(import.meta.url)('multiproc').MultiprocError, multiproc.MultiprocError);
});

t.test('every error class is a MultiprocError with its own name', async (t) => {
  for (const [name, value] of Object.entries(multiproc)) {
    if (!/Error$|^Empty$|^Full$/.test(name)) continue;
    const errorClass = value as typeof multiproc.MultiprocError;
    t.ok(errorClass === multiproc.MultiprocError || errorClass.prototype instanceof multiproc.MultiprocError, name);
    t.equal(errorClass.prototype.name, name);
  }
});
