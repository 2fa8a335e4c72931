// Checks the Promela models of models/ with spin: what must hold, and that every mutant is refuted.
//
//   node scripts/models.js [part of a file name …]
//
// Needs spin and a C compiler (`apt-get install spin gcc`); without spin it says so and checks nothing. models/models.js is the table of models and variants.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { models } from '../models/models.js';

/**
 * @typedef {object} Model
 * @property {string} file in models/
 * @property {readonly Variant[]} variants
 *
 * @typedef {object} Variant
 * @property {string} name what is claimed, or what is left out
 * @property {readonly string[]} [define] macros of the model
 * @property {boolean} holds false: the checker has to find an error
 * @property {boolean} [deadlocks] whether to look for invalid end states, too
 * @property {readonly string[]} [compile] further options of the compiler, instead of those for safety properties
 * @property {readonly string[]} [run] further options of the checker, as `-a` for acceptance cycles
 */

const folder = fileURLToPath(new URL('../models', import.meta.url));
const wanted = process.argv.slice(2);
const maxDepth = 1_000_000;
const timeout = 600_000;

if (spawnSync('spin', ['-V']).error) {
  console.log('skipped: the models are checked with spin, which is not installed here (apt-get install spin)');
  process.exit();
}
const chosen = models.filter(({ file }) => wanted.length === 0 || wanted.some((part) => file.includes(part)));
if (chosen.length === 0) fatal('no model has such a name');

let failures = 0;
for (const { file, variants } of chosen) {
  console.log(file);
  for (const variant of variants) {
    const { verdict, detail } = check(file, variant);
    const isRight = verdict === (variant.holds ? 'holds' : 'refuted');
    if (!isRight) failures++;
    console.log(`  ${isRight ? 'ok  ' : 'FAIL'} ${variant.name}: ${verdict}, ${detail}`);
  }
}
console.log(failures === 0 ? '\nall as they must be' : `\n${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;

/** Makes the checker of a variant, and runs it. */
function check(file, { define = [], deadlocks = false, compile = ['-DSAFETY'], run = [] }) {
  const place = mkdtempSync(join(tmpdir(), 'multiproc-models-'));
  try {
    const macros = define.map((name) => `-D${name}`);
    const spin = start('spin', [...macros, '-a', join(folder, file)], place);
    if (spin.status !== 0) return { verdict: 'no model', detail: spin.output };
    const cc = start('cc', ['-O2', '-w', ...compile, '-o', 'pan', 'pan.c'], place);
    if (cc.status !== 0) return { verdict: 'not compiled', detail: cc.output };
    const { output, error } = start('./pan', [...(deadlocks ? [] : ['-E']), `-m${maxDepth}`, ...run], place);
    if (error) return { verdict: 'not finished', detail: error.message };
    const states = `${/(\d+) states, stored/.exec(output)?.[1] ?? '?'} states`;
    const errors = /errors: (\d+)/.exec(output)?.[1];
    if (errors === undefined || /max search depth too small|out of memory/.test(output)) {
      return { verdict: 'not finished', detail: output };
    }
    if (errors === '0') return { verdict: 'holds', detail: states };
    return { verdict: 'refuted', detail: `${/pan:1: (.*?)(?: \(at|$)/m.exec(output)?.[1] ?? 'an error'}` };
  } finally {
    rmSync(place, { recursive: true });
  }
}

function start(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout });
  return { status, output: `${stdout}${stderr}`, error };
}

function fatal(message) {
  console.error(message);
  process.exit(1);
}
