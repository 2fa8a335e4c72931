/**
 * Other threads and debuggers in a fork server: a fork copies the calling thread only, so a server forks only while it
 * is alone.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { inspectorUrl } from '../../lifecycle/inspecting.js';

const tasks = '/proc/self/task';

/** Name of this package's own threads: they are started anew in a forked child. */
const ownThread = 'multiproc';

/** The threads of node before it ran any module (commonjs/threads-at-start.cjs). */
const threadsAtStart = new Set(
  (process as unknown as Record<symbol, readonly string[] | undefined>)[Symbol.for('multiproc.threadsAtStart')],
);

/** Number of threads when this process was last found alone. */
let aloneWith = 0;

/**
 * Returns the names of foreign threads and of an open inspector, which make a fork unsafe now. Empty if this process is
 * alone.
 */
export function company(): readonly string[] {
  if (inspectorUrl() !== undefined) return ['the inspector'];
  // The permission model hides /proc, and allows no Worker without a flag.
  if (process.permission !== undefined) return [];
  const count = threadCount();
  if (count === aloneWith) return [];
  const found = readdirSync(tasks).filter((thread) => !threadsAtStart.has(thread));
  const foreign = found.map(nameOfThread).filter((name) => name !== ownThread && name !== undefined);
  if (foreign.length === 0) aloneWith = count;
  return foreign.map((name) => `a thread (${name})`);
}

/** Counts the folder's links: two of its own, and one for each thread. That takes a tenth of the time of reading it. */
function threadCount(): number {
  return statSync(tasks).nlink - 2;
}

function nameOfThread(thread: string): string | undefined {
  try {
    return readFileSync(`${tasks}/${thread}/comm`, 'utf8').trim();
  } catch {
    return undefined; // It has ended.
  }
}
