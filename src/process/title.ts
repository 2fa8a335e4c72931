/** What `ps`, `top` and `pgrep` show of a child: its name, and the program that it belongs to. */

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
  process.title = title;
  keepTitle();
}

/** The title that node was started with is this package's. */
export function keepTitle(): void {
  usual = process.title;
}
