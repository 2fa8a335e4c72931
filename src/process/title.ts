/** Titles of children in `ps`, `top` and `pgrep`: the child's name, and its program. */
import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';

/** Upper bound on the length: the kernel limits the length of one argument. */
const longest = 4096;

/** This process's title before node's user or the program sets another one. */
let usual = process.argv0;

/** Returns the title for a child of this process, which may be a child itself. */
export function titleOf(name: string): string {
  const program = process.title === usual ? ['node', ...process.argv.slice(1)].join(' ') : process.title;
  return `${name}: ${program}`.replaceAll('\0', ' ').slice(0, longest);
}

/** Sets the title that the creator made for this process. The kernel may have room for less of it. */
export function takeTitle(title: string): void {
  const name = commandName();
  process.title = title;
  usual = process.title;
  nameCommand('/proc/self/comm', name);
}

/**
 * Keeps the title that node was started with, which is this package's. Up to Node 22 its beginning is also the kernel's
 * name of each thread (`comm`), in which programs that read /proc/PID/stat expect no spaces: threads get the name of a
 * node without a title.
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

/** The kernel's bound on it, in bytes. */
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
