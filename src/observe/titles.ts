/** Titles of processes, as `ps` shows them: a child's has its name and its program. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** Longer titles are cut: one line of a terminal. */
const maxLength = 100;

/** Titles by pid, as `ps` shows them. Processes that have ended, or that /proc hides, are missing. */
export type Titles = Readonly<Record<string, string>>;

export function titlesOf(objects: readonly { readonly openers: readonly number[] }[]): Titles {
  const pids = new Set(objects.flatMap(({ openers }) => openers));
  const titles: Record<string, string> = {};
  for (const pid of [...pids].sort((one, other) => one - other)) {
    const title = titleOf(pid);
    if (title !== '') titles[pid] = title;
  }
  return titles;
}

// Arguments are separated by zeros; a title that was set ends with those that fill its room. Of the executable the name is
// enough: its path would leave no room for the program's.
function titleOf(pid: number): string {
  try {
    const [first = '', ...rest] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    const text = [first.startsWith('/') && !first.includes(' ') ? basename(first) : first, ...rest].join(' ').trim();
    return text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text;
  } catch {
    return '';
  }
}
