/** Runs an example and compares what it prints with its comments. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { Expected } from './expected.js';
import { command } from './program.js';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** What an example printed, line by line, and what it said on stderr. */
export interface Output {
  lines: string[];
  stderr: string;
}

export interface RunOptions {
  /** Options of node, besides those that the example asks for by a comment `// node --option`. */
  flags?: readonly string[];
  /** Added to the environment. */
  env?: Record<string, string | undefined>;
}

/**
 * Runs `examples/<path>` to its end.
 *
 * @returns everything it printed; it has been compared
 */
export async function runExample(t: Test, path: string, { flags = [], env = {} }: RunOptions = {}): Promise<Output> {
  const source = readFileSync(`${root}examples/${path}`, 'utf8');
  const expected = new Expected(source);
  const own = /^\/\/ node (--\S+)/m.exec(source)?.slice(1) ?? [];
  const compiled = `${root}examples-dist/${path.replace(/\.ts$/, '.js')}`;
  const child = command(t, process.execPath, { args: [...flags, ...own, compiled], env });
  const lines: string[] = [];
  // Line by line until there are no more, so that what is wrong is seen at once, and not when a watchdog ends it.
  for (;;) {
    const line = await child.line().catch(() => undefined);
    if (line === undefined) break;
    lines.push(line);
    if (expected.take(line) || expected.isNothing) continue;
    t.ok(false, `${JSON.stringify(line)} is expected after ${JSON.stringify(lines.slice(0, -1))}`);
    child.kill();
  }
  const { code, signal } = await child.ended;
  t.equal(signal ?? code, 0, child.stderr);
  t.strictSame(expected.missing, [], `lines are missing after ${JSON.stringify(lines)}`);
  return { lines, stderr: child.stderr };
}
