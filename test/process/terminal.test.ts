/** Standard streams that a program shares with its children: everybody writes to them, and a child's end leaves them as they are. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { findPython } from '../harness/foreign.js';
import { leaveNothing } from '../harness/leftovers.js';
import { command, type Program, program } from '../harness/program.js';

t.setTimeout(120_000);
leaveNothing(t);

const python = findPython([3, 8]);
const lacks = python === undefined || spawnSync('stty', ['--version']).status !== 0;
/** Runs a command in a terminal, and copies what it writes there. */
const inTerminal = 'import pty, sys; pty.spawn(sys.argv[1:], stdin_read=lambda fd: b"")';
const file = fileURLToPath(new URL('../programs/terminal.js', import.meta.url));

async function lines(running: Program): Promise<string[]> {
  const all: string[] = [];
  try {
    for (;;) all.push((await running.line()).trim());
  } catch {
    return all.filter((line) => line !== ''); // It has ended, and everything was read.
  }
}

const end = ['it ended with -15', 'modes are as before'];

for (const method of ['fork', 'forkserver']) {
  t.test(`a child by ${method} that SIGTERM ends leaves the pipes of its parent as they are`, async (t) => {
    const running = program(t, 'terminal', { args: [method], execArgv: ['--single-threaded'] });
    t.strictSame(await lines(running), ['the parent writes', ...end], running.stderr);
  });

  const skip = lacks && 'there is no CPython, or no stty';
  t.test(
    `a child by ${method} writes to its parent's terminal, sees its size and leaves its modes`,
    { skip },
    async (t) => {
      const args = ['-c', inTerminal, process.execPath, '--single-threaded', file, method];
      const running = command(t, python?.command ?? '', { args });
      const expected = ['the parent writes', 'the child writes', 'the child sees 123 columns', ...end];
      t.strictSame(await lines(running), expected, running.stderr);
    },
  );
}
