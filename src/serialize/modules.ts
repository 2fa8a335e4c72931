/** The modules that references name: found where they are loaded already, and loaded where not. */
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MultiprocError } from '../errors.js';
import { within } from './afar.js';
import { placeOf } from './function-places.js';
import { importWhole } from './interrupted-modules.js';

type Exports = Record<string, unknown>;

const require = createRequire(import.meta.url);
const namespaces = new Map<string, Exports>();
let permitted: ((url: string) => boolean) | undefined;

/** Returns the exports of a loaded module; `undefined` if they cannot be read without running code. */
export function loadedModule(url: string): unknown {
  const file = fileOf(url);
  // An entry that is still evaluated has the exports that are there so far.
  const cached = file === undefined ? undefined : require.cache[file];
  return cached?.exports ?? namespaces.get(url);
}

/** Whether it is a CommonJS module that has not run to its end. */
export function isEvaluating(url: string): boolean {
  const file = fileOf(url);
  return file !== undefined && require.cache[file]?.loaded === false;
}

/** The same for as long as the module is not loaded again: an ES module only is under another URL. */
export function loadOf(url: string): unknown {
  const file = fileOf(url);
  return (file === undefined ? undefined : require.cache[file]) ?? url;
}

/**
 * Loads a module and waits until it is evaluated. This fails for one with a top-level `await`.
 *
 * @throws the module's own error; an error with the code `ERR_REQUIRE_…` if it has to be imported
 */
export function requireModule(url: string): unknown {
  checkPermission(url);
  const file = fileOf(url);
  if (file === undefined) throw Object.assign(new Error('It has to be imported'), { code: 'ERR_REQUIRE_ESM' });
  // Code that the module runs while it loads belongs to the program, not to the message.
  return within(undefined, () => require(file));
}

/**
 * Imports a module, and keeps its namespace for {@link loadedModule}.
 *
 * @param required the sender had the module by a hook of `require`: where such a hook exists here, it loads the module
 */
export async function importModule(url: string, required = false): Promise<unknown> {
  checkPermission(url);
  if (required && isHooked(url)) return requireModule(url);
  const namespace = (await importWhole(url).catch((error) => requireInstead(url, error))) as Exports;
  keepNamespace(url, namespace);
  return namespace;
}

/**
 * A loader may have taught `require` alone to load files of this kind, as `ts-node/register` does. And Jest without
 * `--experimental-vm-modules` has no `import()` for what runs in its vm contexts, but a `require`.
 */
export function requireInstead(url: string, error: unknown): unknown {
  if (/^ERR_VM_DYNAMIC_IMPORT/.test(String((error as { code?: unknown } | null)?.code))) return requireModule(url);
  const file = fileOf(url);
  const unknown = (error as { code?: unknown } | null)?.code === 'ERR_UNKNOWN_FILE_EXTENSION';
  if (!unknown || file === undefined || require.extensions[extname(file)] === undefined) throw error;
  return require(file);
}

/** Returns the exports of a module that was imported here to its end; `undefined` for others. */
export function importedModule(url: string): unknown {
  return namespaces.get(url);
}

/** A module was imported, which needs not be done again. */
export function keepNamespace(url: string, namespace: object): void {
  namespaces.set(url, namespace as Exports);
}

/**
 * Whether `require` is not Node's own: a loader for TypeScript, for example. It may then make another copy of a module
 * that was imported.
 */
export function requireIsPatched(): boolean {
  return Object.values(require.extensions).some(isHook);
}

/** Whether `require` loaded the module by a hook that is not Node's own, as `ts-node/register` installs one. */
export function wasRequiredByHook(url: string): boolean {
  const file = fileOf(url);
  return file !== undefined && require.cache[file] !== undefined && isHooked(url);
}

/** Whether such a hook loads files with this one's extension. */
function isHooked(url: string): boolean {
  return isHook(require.extensions[extname(fileOf(url) ?? '')]);
}

function isHook(extension: object | undefined): boolean {
  const url = extension === undefined ? undefined : placeOf(extension)?.url;
  return url !== undefined && !url.startsWith('node:');
}

/** Narrows which modules references may load. Without a predicate every file that they name. */
export function permitModules(predicate: ((url: string) => boolean) | undefined): void {
  permitted = predicate;
}

/** Returns an export by its name; `undefined` if there is none. */
export function exportOf(exports: unknown, name: string): unknown {
  if (name === 'module.exports') return own(exports, name) ?? own(exports, 'default') ?? exports;
  // A CommonJS module that was imported shows some of its exports only under `default`.
  return own(exports, name) ?? own(own(exports, 'default'), name) ?? (name === 'default' ? exports : undefined);
}

/** Only what is its own: to ask the half-made exports of a CommonJS module for more is a warning of the process. */
function own(value: unknown, name: string): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || !Object.hasOwn(value, name))
    return;
  try {
    return (value as Exports)[name];
  } catch {
    // Declared, but its module has not come to it yet.
    return undefined;
  }
}

/** None for a URL with a query: it is another module than that of the plain file. */
function fileOf(url: string): string | undefined {
  if (/[?#]/.test(url)) return undefined;
  return fileURLToPath(url);
}

function checkPermission(url: string): void {
  if (permitted !== undefined && !permitted(url)) {
    throw new MultiprocError(`A message names the module ${url}, which it may not`, { code: 'ERR_MULTIPROC_MESSAGE' });
  }
}
