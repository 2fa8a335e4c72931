/** Another user plants files of every sort under the names that our programs look at: no program notices. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import t from 'tap';
import { attacker, cannotSwitchUsers, install, victim } from '../harness/users.js';
import type { Plant, PlantKind } from './programs/planter.js';

const kinds: readonly PlantKind[] = [
  'fifo',
  'socket',
  'directory',
  'file',
  'locked file',
  'unreadable file',
  'sparse file',
  'link to nothing',
  'link to itself',
  'link to a directory',
  'link to a fifo',
  'link to a file',
];

/** Names that every program of the victim looks at, and names with what a terminal would obey. */
function names(i: number): string[] {
  const hex = String(i).padStart(8, '0');
  return [
    `multiproc-1-${victim}.${hex}`,
    `multiproc-1-${victim}-planted${i}`,
    `multiproc-1-${victim}.manager.${hex}${hex}`,
    `psm_${hex}.m1.${hex}${hex}`,
    `multiproc-1-${victim}-\x1b]0;owned\x07\x1b[31m${i}`,
    `multiproc-1-${victim}.\u202e\u009b31m${i}`,
  ];
}

t.test('planted files', { skip: cannotSwitchUsers }, async (t) => {
  const there = install(t);
  const plants = kinds.flatMap((kind, i) => names(i).map((name): Plant => [kind, name]));
  const planter = there.start(attacker, 'planter');
  t.teardown(() => {
    for (const name of plants.flatMap(([, name]) => [name, `${name}.target`])) {
      rmSync(`/dev/shm/${name}`, { recursive: true, force: true });
    }
  });
  t.equal(await planter.ask(plants), 'planted');

  t.test('the victim makes objects, sweeps and lists', async (t) => {
    t.equal(await there.start(victim, 'creator', { timeout: 20_000 }).ask('go'), 'made');
    t.equal(await there.start(0, 'creator', { timeout: 20_000 }).ask('go'), 'made', 'root as well');
  });

  for (const uid of [victim, 0]) {
    for (const args of [['ls'], ['sweep'], ['doctor'], ['ls', '--json'], ['sweep', '--json'], ['top', '--json']]) {
      t.test(`multiproc ${args.join(' ')} ends, and prints no control characters, for uid ${uid}`, async (t) => {
        const child = spawn(there.node, [there.command, ...args], {
          uid,
          gid: uid,
          cwd: there.folder,
          stdio: ['pipe', 'pipe', 'pipe'],
        });
        const watchdog = setTimeout(() => child.kill('SIGKILL'), 20_000);
        let output = '';
        child.stdout.setEncoding('utf8').on('data', (text) => {
          output += text;
          // One look is enough: SIGTERM ends it.
          if (args[0] === 'top') child.kill('SIGTERM');
        });
        child.stderr.setEncoding('utf8').on('data', (text) => {
          output += text;
        });
        const [code, signal] = await once(child, 'close');
        clearTimeout(watchdog);
        t.equal(signal, null);
        t.ok(code === 0 || (args[0] === 'doctor' && code === 1), output);
        t.strictSame(output.match(/(?![\n])[\p{Cc}\p{Bidi_Control}]/gu), null);
        t.notMatch(output, 'planted');
      });
    }
  }
});
