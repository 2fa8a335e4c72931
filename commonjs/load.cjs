/**
 * What `require('multiproc')` gets: the package's ES modules, as Node loads them, of which a process has one copy.
 *
 * Loaders that make CommonJS of whatever is required (tsx does, for programs that are CommonJS themselves) would make a
 * second copy of them. That one would not know that it is in a child, nor the classes of the objects that arrive there.
 */
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const { join } = require('node:path');
const { isModuleNamespaceObject } = require('node:util').types;

/** @param {string} path - of a module in dist/ */
module.exports = function load(path) {
  const file = join(__dirname, '../dist', path);
  const module = new Module(file);
  module.filename = file;
  // As `require` does it, past those who have taken its place. That the format may be said is not documented.
  module._compile(readFileSync(file, 'utf8'), file, 'module');
  return isModuleNamespaceObject(module.exports) ? module.exports : require(file);
};
