/** What the fork server loads before its first child, so that it is there in every one. */
import { realpathSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { constants, Script } from 'node:vm';
import { makeKnown } from '../../serialize/known-modules.js';
import { notePreloaded } from '../preload.js';
import type { Hello } from './protocol.js';

/** A module that could not be loaded for another reason than that it is not there. */
export interface PreloadFailure {
  readonly module: string;
  readonly reason: string;
}

/** Codes that say, as Python's ImportError does, that there is no such module. */
const missing = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', 'ERR_UNKNOWN_BUILTIN_MODULE']);

/** Loads the modules of this package, then the others one after the other. Of those, modules that cannot be found are passed over. Rejects with a {@link PreloadFailure}. */
export async function preload({ own, preload, main, base }: Hello): Promise<void> {
  for (const url of own) {
    const namespace = await import(url).catch((error) => {
      throw { module: url, reason: error?.stack ?? String(error) } satisfies PreloadFailure;
    });
    makeKnown(url, namespace as object);
  }
  const importFrom = importerAt(base);
  for (const module of preload) {
    const specifier = module === 'main' ? main : module;
    if (specifier === undefined) continue;
    try {
      const namespace = await importFrom(specifier);
      notePreloaded(specifier);
      for (const url of urlsOf(specifier)) makeKnown(url, namespace as object);
    } catch (error) {
      const { code, stack } = (error ?? {}) as NodeJS.ErrnoException;
      if (code !== undefined && missing.has(code)) continue;
      throw { module, reason: stack ?? String(error) } satisfies PreloadFailure;
    }
  }
}

// Functions are referred to by the file itself, programs and modules perhaps by a link to it.
function urlsOf(specifier: string): Set<string> {
  if (!specifier.startsWith('file:')) return new Set();
  const { href } = new URL(specifier);
  const found = /[?#]/.test(href) ? href : pathToFileURL(realpathSync(fileURLToPath(href))).href;
  return new Set([href, found]);
}

// `import` as it is in the file `base`: names of packages are looked up from its folder.
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

// Node 20 calls the constant experimental; later ones have it as it is.
function withoutWarning<T>(use: () => T): T {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return use();
  } finally {
    process.emitWarning = emitWarning;
  }
}
