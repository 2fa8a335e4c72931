/** The main module of this program, found as Node finds it. */
import { readFileSync, realpathSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { startDirectory } from './working-directory.js';

let found: { readonly argument: string | undefined; readonly file: string | undefined } | undefined;

/**
 * Returns the URL that `import.meta.url` has in the main module: links followed, unless `--preserve-symlinks-main`
 * forbids it, and the file itself where the program was started by its folder or without its extension. `undefined` if
 * it has no file.
 */
export function mainUrl(): string | undefined {
  const [, argument] = process.argv;
  if (found === undefined || found.argument !== argument) found = { argument, file: find(argument) };
  return found.file === undefined ? undefined : pathToFileURL(found.file).href;
}

// The program may have replaced its path by another text.
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
  // Undocumented: the function behind `node PATH`. Without it, ordinary programs are found all the same.
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

/** Reads node's arguments from the kernel; a program that set its title has overwritten them. */
function startedAs(): string | undefined {
  try {
    const [, ...given] = readFileSync('/proc/self/cmdline', 'utf8').split('\0');
    return given[process.execArgv.length] || undefined;
  } catch {
    return undefined; // The permission model hides /proc.
  }
}
