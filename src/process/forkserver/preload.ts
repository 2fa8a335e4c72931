/** The modules that the fork server loads before its first child, so that every child has them. */
import { realpathSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { constants, Script } from 'node:vm';
import { makeKnown } from '../../serialize/known-modules.js';
import { requireInstead } from '../../serialize/modules.js';
import type { Hello } from './protocol.js';

/** A module that could not be loaded for another reason than that it does not exist. */
export interface PreloadFailure {
  readonly module: string;
  readonly reason: string;
}

/** Codes of a missing module, as Python's ImportError reports one. */
const missing = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', 'ERR_UNKNOWN_BUILTIN_MODULE']);

/**
 * Loads the modules of this package, then the others one after the other. Rejects with a {@link PreloadFailure}.
 *
 * @returns Node's messages for missing modules among the others: these are skipped
 */
export async function preload({ own, preload, main, base }: Hello): Promise<string[]> {
  const notFound: string[] = [];
  for (const url of own) {
    const namespace = await import(url).catch((error) => {
      throw { module: url, reason: error?.stack ?? String(error) } satisfies PreloadFailure;
    });
    makeKnown(url, namespace as object);
  }
  const importFrom = importerAt(base);
  for (const module of preload) {
    const specifier = module === 'main' ? main : module;
    if (specifier === undefined) {
      notFound.push("'main', as this program's main module is no file");
      continue;
    }
    try {
      const namespace = await importFrom(specifier).catch((error) => {
        if (specifier.startsWith('file:')) return requireInstead(specifier, error);
        throw error;
      });
      for (const url of urlsOf(specifier)) makeKnown(url, namespace as object);
    } catch (error) {
      const { code, message, stack } = (error ?? {}) as NodeJS.ErrnoException;
      if (code === undefined || !missing.has(code)) {
        throw { module, reason: stack ?? String(error) } satisfies PreloadFailure;
      }
      notFound.push(`'${module}' (${message.split('\n', 1)[0]})`);
    }
  }
  return notFound;
}

// Functions are referred to by the file itself, programs and modules perhaps by a link to it.
function urlsOf(specifier: string): Set<string> {
  if (!specifier.startsWith('file:')) return new Set();
  const { href } = new URL(specifier);
  const found = /[?#]/.test(href) ? href : pathToFileURL(realpathSync(fileURLToPath(href))).href;
  return new Set([href, found]);
}

// Returns an `import` that resolves like one in the file `base`: names of packages are looked up from its folder.
function importerAt(base: string): (specifier: string) => Promise<unknown> {
  let importFrom: ((specifier: string) => Promise<unknown>) | undefined;
  return (specifier) => {
    if (/^(?:file|node|data):/.test(specifier)) return import(specifier);
    importFrom ??= withoutWarning(() => {
      const script = new Script('(specifier) => import(specifier)', {
        filename: base,
        importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
      });
      return script.runInThisContext();
    });
    return withoutWarning(() => (importFrom as (specifier: string) => Promise<unknown>)(specifier));
  };
}

// Node 20 marks the constant as experimental.
function withoutWarning<T>(use: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return use();
  } finally {
    process.emitWarning = emitWarning;
  }
}
