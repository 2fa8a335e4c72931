/** A child of the fork server has every attribute of a spawned one, whatever its parent changed before. */
import t from 'tap';
import { folder } from '../harness/folder.js';
import { leaveNothing } from '../harness/leftovers.js';
import { program } from '../harness/program.js';
import type { Attributes } from '../programs/child-attributes.js';

interface Comparison {
  readonly name: string;
  readonly spawned: Attributes;
  readonly forked: readonly Attributes[];
}

leaveNothing(t);

t.test('a forked child equals a spawned one after each change of its parent', async (t) => {
  const cwd = folder(t, {
    'preload.mjs': 'globalThis.preloaded = import.meta.url;',
    'variables.env': 'SECRET=from the file\n',
  });
  const parent = program(t, 'child-attributes', {
    cwd,
    execArgv: ['--import', './preload.mjs', '--env-file=./variables.env'],
  });
  for (let remaining = 5; remaining > 0; remaining--) {
    const { name, spawned, forked } = await parent.message<Comparison>();
    for (const child of forked) t.strictSame(child, spawned, `after a change of ${name}`);
    t.match(spawned.preloaded, /preload\.mjs$/, 'relative options of node mean what they meant for the parent');
    if (name === 'nothing') t.match(spawned.environment, /SECRET=from the file/);
    else t.notMatch(spawned.environment, /SECRET/, 'a deleted variable does not come back');
  }
  t.strictSame(await parent.ended, { code: 0, signal: null }, parent.stderr);
});
