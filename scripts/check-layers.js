// Imports and includes point down only: a source file may use its own layer and the layers below it. And clocks and timers come from
// src/timing.ts alone.
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

// From the top down. Names on one line are one layer; what is in `src` itself goes by its file name.
const source = [
  ['index', 'internals', 'command', 'dummy', 'keyv', 'redis'],
  ['observe'],
  ['context'],
  ['api'],
  ['pool', 'managers'],
  ['threads'],
  ['process'],
  ['messaging', 'map'],
  ['sync', 'shared', 'posix'],
  ['serialize'],
  ['lifecycle'],
  ['native', 'logging', 'deadline', 'stderr', 'timing'],
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
  ...clocks(),
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

// The global ones may be a test's fakes.
function* clocks() {
  const timers = /(?<![.\w])(?:(?:set|clear)(?:Timeout|Interval|Immediate)|queueMicrotask)\b(?=[(,);])/g;
  const others = /node:timers|\bprocess\.(?:hrtime|nextTick)\b|\bDate\.now\b|\bnew Date\(\)|\bperformance\b/;
  for (const file of files('src', '.ts')) {
    if (file === 'timing.ts') continue;
    const text = read('src', file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    const imported = /^import \{([^}]*)\} from '[^']*\/timing\.js';/m.exec(text)?.[1].match(/\w+/g) ?? [];
    const found = [
      ...(text.match(timers) ?? []).filter((name) => !imported.includes(name)),
      ...(others.exec(text) ?? []),
    ];
    if (found.length > 0) yield `src/${file} uses ${found[0]}: clocks and timers come from src/timing.ts`;
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
