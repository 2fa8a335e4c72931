/** What else runs in a fork server: a fork copies the calling thread only, so a server forks only while it is alone. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { inspectorUrl } from '../../lifecycle/inspecting.js';

const tasks = '/proc/self/task';

/** What our own threads are called: they are made anew in a forked child. */
const ownThread = 'multiproc';

/** The threads that node had before it ran any module (commonjs/threads-at-start.cjs). */
const threadsAtStart = new Set(
  (process as unknown as Record<symbol, readonly string[] | undefined>)[Symbol.for('multiproc.threadsAtStart')],
);

/** How many threads there were when this process was last found alone. */
let aloneWith = 0;

/** What makes a fork unsafe now: foreign threads and an open inspector, by their names. Empty if this process is alone. */
export function company(): readonly string[] {
  if (inspectorUrl() !== undefined) return ['the inspector'];
  // The permission model hides /proc, and lets no Worker be made unless it is told to.
  if (process.permission !== undefined) return [];
  const count = threadCount();
  if (count === aloneWith) return [];
  const found = readdirSync(tasks).filter((thread) => !threadsAtStart.has(thread));
  const foreign = found.map(nameOfThread).filter((name) => name !== ownThread && name !== undefined);
  if (foreign.length === 0) aloneWith = count;
  return foreign.map((name) => `a thread (${name})`);
}

/** The links of the folder: two of its own, and one for each thread. A tenth of the time of reading it. */
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
