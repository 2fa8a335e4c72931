/** The main module of this program, found as Node finds it. */
import { readFileSync, realpathSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startDirectory } from './working-directory.js';

let found: { readonly argument: string | undefined; readonly file: string | undefined } | undefined;

/**
 * As `import.meta.url` of the main module: links followed, as long as `--preserve-symlinks-main` does not forbid it, and
 * the file itself where the program was started by its folder or without its extension. `undefined` where it has no file.
 */
export function mainUrl(): string | undefined {
  const [, argument] = process.argv;
  if (found === undefined || found.argument !== argument) found = { argument, file: find(argument) };
  return found.file === undefined ? undefined : pathToFileURL(found.file).href;
}

// A program may have put another text in the place of its path.
function find(argument: string | undefined): string | undefined {
  return (
    (argument === undefined ? undefined : fileOf(argument)) ??
    createRequire(import.meta.url).main?.filename ??
    fileOf(startedAs()) ??
    (argument === undefined ? undefined : resolve(argument))
  );
}

/** The file that `node PATH` runs; `undefined` if there is none. */
function fileOf(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const absolute = resolve(startDirectory ?? '/', path);
  // Undocumented: what `node PATH` calls. Without it, the usual programs are found all the same.
  const { _findPath } = Module as unknown as {
    _findPath?: (request: string, paths: null, isMain: boolean) => string | false;
  };
  try {
    if (_findPath !== undefined) return _findPath.call(Module, absolute, null, true) || undefined;
    return realpathSync(createRequire(absolute).resolve(absolute));
  } catch {
    return undefined; // There is no such file.
  }
}

/** What the kernel knows that node was given to run; a program that set its title has overwritten it. */
function startedAs(): string | undefined {
  try {
    const [, ...given] = readFileSync('/proc/self/cmdline', 'utf8').split('\0');
    return given[process.execArgv.length] || undefined;
  } catch {
    return undefined; // The permission model hides /proc.
  }
}
