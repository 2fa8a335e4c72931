// Imports and includes point down only: a source file may use its own layer and the layers below it.
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

// From the top down. Names on one line are one layer; what is in `src` itself goes by its file name.
const source = [
  ['index', 'internals', 'command', 'dummy'],
  ['context'],
  ['api'],
  ['pool', 'managers'],
  ['threads'],
  ['process'],
  ['messaging'],
  ['sync', 'shared', 'posix'],
  ['serialize'],
  ['lifecycle'],
  ['native', 'logging', 'deadline', 'stderr'],
  ['shm-failure', 'options'],
  ['errors'],
  ['printable', 'identity'],
];
const native = [['addon'], ['binding'], ['sync'], ['sys']];

const faults = [
  ...check('src', source, '.ts', /(?:\bfrom\s+|\bimport\s+|\bimport\()'(\.[^']*)'/g, (file, target) =>
    posix.join(posix.dirname(file), target),
  ),
  // Includes are written from native/ downwards.
  ...check('native', native, '.cc .h', /^#include "([^"]+)"/gm, (_file, target) => target),
  ...nodeHeaders(),
];
for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;

function* check(folder, layers, extensions, reference, resolve) {
  for (const file of files(folder, extensions)) {
    const from = rank(layers, file);
    if (from < 0) yield `${folder}/${file}: its layer is not listed in scripts/check-layers.js`;
    for (const [, target] of read(folder, file).matchAll(reference)) {
      const to = resolve(file, target);
      if (rank(layers, to) < from) yield `${folder}/${file} imports ${to}, which is a layer above it`;
    }
  }
}

// JavaScript is known in native/binding and at the addon's entry, and nowhere else below.
function* nodeHeaders() {
  for (const file of files('native', '.cc .h')) {
    if (file.startsWith('binding/') || file === 'addon.cc') continue;
    const header = /#include\s*["<]((?:napi|node|uv|v8|js_native)\w*(?:-inl)?\.h)[">]/.exec(read('native', file));
    if (header) yield `native/${file} includes ${header[1]}: only native/binding and native/addon.cc may`;
  }
}

function rank(layers, file) {
  const name = file.split('/')[0].replace(/\.\w+$/, '');
  return layers.findIndex((layer) => layer.includes(name));
}

function files(folder, extensions) {
  const wanted = extensions.split(' ');
  return readdirSync(`${root}/${folder}`, { recursive: true }).filter((file) => wanted.includes(posix.extname(file)));
}

function read(folder, file) {
  return readFileSync(`${root}/${folder}/${file}`, 'utf8');
}
