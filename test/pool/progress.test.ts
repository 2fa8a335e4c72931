/** `progress: true` on a terminal, made by script(1), with and without the package that draws the bar. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';
import { command, type Scope } from '../harness/program.js';

leaveNothing(t);

const file = fileURLToPath(new URL('../programs/pool-progress.js', import.meta.url));
const hasTerminals = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0;
const needs = { skip: !hasTerminals && 'no script(1) of util-linux' };

/** What the program writes to its terminal until the line that ends it. */
async function onTerminal(t: Scope, options = ''): Promise<string[]> {
  const line = `'${process.execPath}' ${options} '${file}'`;
  const terminal = command(t, 'script', {
    args: ['-qec', line, '/dev/null'],
    env: { TERM: 'xterm', SHELL: '/bin/sh' },
  });
  const lines: string[] = [];
  while (!/^(?:sum|undefined|ERR)/.test(lines.at(-1) ?? '')) lines.push(await terminal.line());
  const { code } = await terminal.ended;
  if (code !== 0) throw new Error(`it ended with ${code}: ${lines.join('\n')}`);
  return lines;
}

t.test('a bar is drawn until all is done', needs, async (t) => {
  const lines = await onTerminal(t);
  const drawn = lines.join('\n');
  t.match(drawn, /\d+% \| 0\/40 \|/);
  t.match(drawn, /100% \| 40\/40 \|/);
  t.match(lines.at(-1), /^sum 20540 told 10,20,30,40$/);
});

t.test('without the package the map is refused, and nothing else', needs, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'multiproc-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const preload = join(folder, 'without.cjs');
  writeFileSync(
    preload,
    `
      const Module = require('node:module');
      const resolve = Module._resolveFilename;
      Module._resolveFilename = function (name, ...rest) {
        if (name !== 'cli-progress') return resolve.call(this, name, ...rest);
        throw Object.assign(new Error("Cannot find module 'cli-progress'"), { code: 'MODULE_NOT_FOUND' });
      };
    `,
  );
  const lines = await onTerminal(t, `--require '${preload}'`);
  t.match(lines.at(-1), /^ERR_MULTIPROC_PROGRESS .*npm install cli-progress; 9$/);
});

t.test('where there is no terminal nothing is drawn', async (t) => {
  const main = command(t, process.execPath, { args: [file] });
  t.equal(await main.line(), '');
  t.equal(await main.line(), 'sum 20540 told 10,20,30,40');
  t.strictSame(await main.ended, { code: 0, signal: null });
  t.equal(main.stderr, '');
});
