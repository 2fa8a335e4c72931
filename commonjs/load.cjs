/**
 * What `require('multiproc')` gets: the package's ES modules, as Node loads them, of which a process has one copy.
 *
 * Loaders that make CommonJS of whatever is required (tsx does, for programs that are CommonJS themselves) would make a
 * second copy of them. That one would not know that it is in a child, nor the classes of the objects that arrive there.
 *
 * In a vm context that is another matter: Jest gives each test file a context and its own `require`. There the package is loaded
 * by that `require`, in the form of CommonJS, so that errors and results have the context's classes (`toThrow(TypeError)`), and
 * the modules that the runner has loaded can be found.
 */
const { existsSync, readFileSync } = require('node:fs');
const Module = require('node:module');
const { join } = require('node:path');
const { isModuleNamespaceObject } = require('node:util').types;

/** Built-in modules belong to the main context. */
const isInContext = Object.getPrototypeOf(require('node:fs')) !== Object.prototype;

/** @param {string} path - of a module in dist/, without extension */
module.exports = function load(path) {
  const file = join(__dirname, '../dist', path);
  if (!existsSync(`${file}.js`)) {
    throw new Error(
      'multiproc cannot be bundled: mark it as external, so that it is required from node_modules (esbuild: ' +
        "--external:multiproc; webpack: externals: ['multiproc']; rollup and vite: external: ['multiproc']). " +
        'See the page "Environments" of its documentation, docs/environments.md',
    );
  }
  if (isInContext) return require(`${file}.cjs`);
  const module = new Module(`${file}.js`);
  module.filename = `${file}.js`;
  // As `require` does it, past those who have taken its place. That the format may be said is not documented.
  module._compile(readFileSync(module.filename, 'utf8'), module.filename, 'module');
  return isModuleNamespaceObject(module.exports) ? module.exports : require(module.filename);
};
