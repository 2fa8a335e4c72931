/** The mark in the environment of a process that is started to become a child, until it is one. */
import { readFileSync, readlinkSync } from 'node:fs';

/** The name of its variable. */
export const variable = 'MULTIPROC_CHILD';

/** On `process`, so that every copy of this package in the process sees the same. */
const marks = process as unknown as Record<symbol, boolean | undefined>;
const marked = Symbol.for('multiproc.marked');
const entered = Symbol.for('multiproc.entered');

/**
 * The variable for a process that is to run this package's `program`.
 *
 * @param options - how many options of node come first that are this package's own: the child does not show them
 */
export function markFor(program: string, options = 0): string {
  return `${variable}=${process.pid} ${options} ${program}`;
}

/** Whether this process was started by this package, as a child or a fork server. */
export function wasStartedAsChild(): boolean {
  return marks[marked] === true;
}

/**
 * Whether this process was started to become a child and has not reached this package's entry: it runs a preloaded
 * module, or another program, because the executable is not node.
 */
export function isBeforeEntry(): boolean {
  return marks[marked] === true && marks[entered] !== true;
}

/** Whether this package's entry is the program of this process. */
export let runsEntry = true;

function takeMark(): void {
  const mark = process.env[variable];
  if (mark === undefined) return;
  // Programs that this one starts are no children of this package.
  delete process.env[variable];
  const [creator, options, program = ''] = mark.split(/ (\d+) (.*)/s);
  runsEntry = process.argv[1] === program;
  if (runsEntry) process.execArgv.splice(0, Number(options));
  if (runsEntry || !isInherited(Number(creator), program)) marks[marked] = true;
}

// Whether the mark was meant for the parent of this process: a child whose preloaded module has started this process.
function isInherited(creator: number, program: string): boolean {
  const { ppid } = process;
  if (ppid === creator || process.argv.includes(program)) return false;
  try {
    // A script that stands between the creator and this process is no node.
    if (readlinkSync(`/proc/${ppid}/exe`) !== readlinkSync('/proc/self/exe')) return false;
    return readFileSync(`/proc/${ppid}/cmdline`, 'utf8').split('\0').includes(program);
  } catch {
    return false; // The parent has ended, or belongs to another user.
  }
}

takeMark();
