/** What `ps`, `top` and `pgrep` show of a child: its name, and the program that it belongs to. */
import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

/** Longer ones are cut: the kernel limits the length of one argument. */
const longest = 4096;

/** This process's title if neither node's user nor the program has set another one: what it was started as. */
let usual = process.argv0;

/** The title for a child of this process; also where this process is itself a child. */
export function titleOf(name: string): string {
  const program = process.title === usual ? ['node', ...process.argv.slice(1)].join(' ') : process.title;
  return `${name}: ${program}`.replaceAll('\0', ' ').slice(0, longest);
}

/** Gives this process the title that its creator has made for it. The kernel may have room for less of it. */
export function takeTitle(title: string): void {
  const name = commandName();
  process.title = title;
  usual = process.title;
  nameCommand('/proc/self/comm', name);
}

/**
 * The title that node was started with is this package's. Up to Node 22 its beginning is also the kernel's name of each thread
 * (`comm`), in which programs that read /proc/PID/stat expect no spaces: they get the name back that a node without a title has.
 */
export function keepTitle(): void {
  usual = process.title;
  const taken = Buffer.from(usual).toString('latin1', 0, maxCommandName);
  const name = Buffer.from(basename(process.argv0)).toString('latin1', 0, maxCommandName);
  if (commandName() !== taken) return;
  for (const thread of readdirSync('/proc/self/task')) {
    const file = `/proc/self/task/${thread}/comm`;
    if (commandName(file) === taken) nameCommand(file, name);
  }
}

/** What the kernel keeps of it, in bytes. */
const maxCommandName = 15;

function commandName(file = '/proc/self/comm'): string | undefined {
  try {
    return readFileSync(file, 'latin1').slice(0, -1);
  } catch {
    return undefined; // The permission model hides /proc, or the thread has ended.
  }
}

function nameCommand(file: string, name: string | undefined): void {
  if (name === undefined) return;
  try {
    writeFileSync(file, name, 'latin1');
  } catch {
    // As above.
  }
}
