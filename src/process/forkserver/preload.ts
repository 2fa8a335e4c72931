/** What the fork server loads before its first child, so that it is there in every one. */
import { constants, Script } from 'node:vm';
import { notePreloaded } from '../preload.js';
import type { Hello } from './protocol.js';

/** A module that could not be loaded for another reason than that it is not there. */
export interface PreloadFailure {
  readonly module: string;
  readonly reason: string;
}

/** Codes that say, as Python's ImportError does, that there is no such module. */
const missing = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND', 'ERR_UNKNOWN_BUILTIN_MODULE']);

/** Loads one after the other. Modules that cannot be found are passed over. Rejects with a {@link PreloadFailure}. */
export async function preload({ preload, main, base }: Hello): Promise<void> {
  const importFrom = importerAt(base);
  for (const module of preload) {
    const specifier = module === 'main' ? main : module;
    if (specifier === undefined) continue;
    try {
      await importFrom(specifier);
      notePreloaded(specifier);
    } catch (error) {
      const { code, stack } = (error ?? {}) as NodeJS.ErrnoException;
      if (code !== undefined && missing.has(code)) continue;
      throw { module, reason: stack ?? String(error) } satisfies PreloadFailure;
    }
  }
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
