/** What a test leaves behind in /dev/shm: segments and semaphores that appeared meanwhile and that nobody uses. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const folder = '/dev/shm';

/** The per-user registry of participants outlives every program on purpose. */
const registry = /^multiproc-r\d/;

/** The names in /dev/shm now: take them before a test, give them to `leftovers` afterwards. */
export function segments(): Set<string> {
  return new Set(readdirSync(folder).filter((name) => !registry.test(name)));
}

/**
 * The names that are new since `before` and that no living process has mapped. Other programs on this machine come and
 * go, so a name counts only if it is still there, unused, two seconds later.
 */
export async function leftovers(before: ReadonlySet<string>): Promise<string[]> {
  const deadline = performance.now() + 2000;
  for (;;) {
    const left = unused([...segments()].filter((name) => !before.has(name)));
    if (left.length === 0 || performance.now() > deadline) return left;
    await sleep(50);
  }
}

/** Fails the test when it ends with leftovers: `t.before(() => leaveNothing(t))`, or as a test's first line. */
export function leaveNothing(t: { teardown(handler: () => unknown): void }): void {
  const before = segments();
  t.teardown(async () => {
    const left = await leftovers(before);
    if (left.length > 0) throw new Error(`left in ${folder}: ${left.join(', ')}`);
  });
}

function unused(names: string[]): string[] {
  if (names.length === 0) return names;
  // By device and inode: a file that was made without a name is mapped under another one.
  const used = new Set<string>();
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    for (const [, file = ''] of mappings(pid).matchAll(/ (\S+ \d+) +\/dev\/shm\/.+$/gm)) used.add(file);
  }
  return names.filter((name) => {
    const facts = lstatSync(`${folder}/${name}`, { throwIfNoEntry: false });
    return facts !== undefined && !used.has(`${deviceInMaps(facts.dev)} ${facts.ino}`);
  });
}

/** A device number as /proc/PID/maps has it. */
function deviceInMaps(dev: number): string {
  const major = (dev >>> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  return [major, minor].map((part) => part.toString(16).padStart(2, '0')).join(':');
}

function mappings(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/maps`, 'latin1');
  } catch {
    return ''; // It ended meanwhile, or belongs to another user.
  }
}
