/**
 * References to functions and classes: the URL of the module and the name of the export, with the place of the
 * declaration. The function under that name must have been declared there, so no other function can take its place.
 *
 * For the rest of the package: `findReference` and `resolveReference` (at once), `prepareReference` (by importing).
 */

import { clearTimeout, setTimeout } from '../timing.js';
import {
  compiledSince,
  isModuleWhole,
  moduleVariables,
  newestScript,
  type Place,
  placeOf,
  positionOf,
  sourceOf,
} from './function-places.js';
import { acquaint, findLive, findNear, nameOf, type Sought } from './live-functions.js';
import { commonExportsOf, exportsOf } from './module-exports.js';
import {
  exportOf,
  importModule,
  isEvaluating,
  loadedModule,
  requireIsPatched,
  requireModule,
  wasRequiredByHook,
} from './modules.js';
import { isOurs } from './own-folder.js';
import { isInContext } from './realm.js';
import { registeredAs, registrationOf } from './registered.js';
import { nameInFile, rewritten } from './rewritten.js';
import { holdsTests } from './test-files.js';

/** A function or class, described. Plain data. */
export interface Reference {
  /** The URL of its module. */
  readonly module: string;
  /** The name of the export; `'module.exports'` for that itself. */
  readonly export?: string;
  /** Instead of an export: what it was registered as. */
  readonly registered?: string;
  /** The function's own name. */
  readonly name?: string;
  /** The place of its declaration, from 0. Without it, any function under that name is accepted. */
  readonly line?: number;
  readonly column?: number;
  /** Whether a hook of `require` loaded its module: Node itself may compile the file to other text. */
  readonly required?: boolean;
}

/** Why a function cannot travel, and the cure. */
export interface Refusal {
  readonly what: string;
  readonly cure: string;
}

export type Callable = (...args: never[]) => unknown;

const references = new WeakMap<object, Reference>();
const resolved = new Map<string, object>();
/**
 * Modules that `require` compiled and then refused to run, for a top-level await. Their functions are there, but would find
 * nothing that the module was to make.
 */
const unstarted = new Set<string>();

/** Describes a function or class for other processes, or says why it cannot be found again by its module and name. */
export function findReference(fn: object): Reference | Refusal {
  const registration = registrationOf(fn);
  if (registration !== undefined) return { module: registration.module, registered: registration.name };
  let reference = references.get(fn);
  if (reference !== undefined) return reference;
  const found = describe(fn);
  if ('what' in found) return found;
  reference = found;
  references.set(fn, reference);
  resolved.set(keyOf(reference), fn);
  acquaint(reference.module, fn);
  return reference;
}

const standIns = new Map<string, Callable>();

/**
 * Makes a function that stands for an export of a module and travels as that: where it arrives, it is the export itself.
 *
 * @param module the URL of a file
 */
export function standIn(module: string, name: string): Callable {
  const key = `${name} ${module}`;
  let fn = standIns.get(key);
  if (fn === undefined) {
    fn = () => {
      throw new TypeError(`The export ${name} of ${module} is called where it was not received`);
    };
    Object.defineProperty(fn, 'name', { value: name });
    references.set(fn, { module, export: name });
    standIns.set(key, fn);
  }
  return fn;
}

/**
 * Finds the function or class that a reference describes, and loads its module if need be.
 *
 * @throws TypeError if the module has another function there, cannot be loaded, or only be imported
 */
export function resolveReference(reference: Reference): Callable {
  const known = lookUp(reference);
  if (known !== undefined) return known;
  if (requireIsPatched()) {
    const live = lookAlive(reference);
    if (live !== undefined) return live;
  }
  const mark = newestScript();
  let exports: unknown;
  try {
    exports = requireModule(reference.module);
  } catch (cause) {
    if (!mustBeImported(cause)) throw notLoaded(reference, cause);
    const compiled = compiledSince(mark);
    for (const url of compiled) unstarted.add(url);
    const live = compiled.includes(reference.module) ? undefined : lookAlive(reference);
    if (live !== undefined) return live;
    throw new TypeError(
      `${describeReference(reference)} cannot be had at once: its module has a top-level await, is still evaluated, or ` +
        'needs a loader. Import it before, or receive with an asynchronous method',
      { cause },
    );
  }
  return take(reference, exports);
}

/** Times in ms after the start of an import at which a check is made whether it waits for itself. */
const suspicions = [10, 100, 1000];

/**
 * Imports the module of a reference, if it is not loaded, so that `resolveReference` will find the function.
 *
 * A module that waits for this very message, in its top-level await, is not waited for: the function is taken from it as it
 * is.
 *
 * @param fresh no module is being evaluated in this thread, so that need not be thought of
 * @throws TypeError if the module has another function there, or cannot be imported
 */
export async function prepareReference(reference: Reference, fresh = false): Promise<void> {
  if (isResolved(reference)) return;
  const near = !fresh && hasPlace(reference) ? findNear(reference) : undefined;
  if (near !== undefined) {
    keep(reference, near);
    return;
  }
  const imported = importModule(reference.module, reference.required).then(
    (exports) => void take(reference, exports),
    (cause) => {
      throw notLoaded(reference, cause);
    },
  );
  await (fresh ? imported : Promise.race([imported, foundMeanwhile(reference, imported)]));
}

/** Whether the function is at hand: `resolveReference` will load nothing. */
export function isResolved(reference: Reference): boolean {
  return lookUp(reference) !== undefined;
}

/** Resolves when the function turns up in the module although its import does not end. */
function foundMeanwhile(reference: Reference, imported: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout;
    const suspect = (round: number) => {
      const after = suspicions[round];
      if (after === undefined) return;
      timer = setTimeout(() => {
        if (lookAlive(reference) === undefined) suspect(round + 1);
        else resolve();
      }, after);
    };
    suspect(0);
    const stop = () => clearTimeout(timer);
    imported.then(stop, stop);
  });
}

/** Without running anything. */
function lookUp(reference: Reference): Callable | undefined {
  if (reference.registered !== undefined) return registeredAs(reference.registered)?.fn as Callable | undefined;
  const known = resolved.get(keyOf(reference));
  if (known !== undefined) return known as Callable;
  const exports = loadedModule(reference.module);
  if (exports === undefined) return undefined;
  const found = exportOf(exports, reference.export as string);
  // Otherwise it may not be there yet.
  return typeof found === 'function' && fits(found, reference) ? keep(reference, found) : undefined;
}

function lookAlive(reference: Reference): Callable | undefined {
  if (!hasPlace(reference)) return undefined;
  const found = findLive(reference);
  if (found === undefined || (unstarted.has(reference.module) && !isModuleWhole(found))) return undefined;
  unstarted.delete(reference.module);
  return keep(reference, found);
}

function take(reference: Reference, exports: unknown): Callable {
  if (reference.registered !== undefined) {
    const registered = registeredAs(reference.registered);
    if (registered !== undefined) return registered.fn as Callable;
    throw new TypeError(
      `The module ${reference.module} did not register '${reference.registered}' when it was loaded here: ` +
        'call register at its top level',
    );
  }
  const found = exportOf(exports, reference.export as string);
  if (typeof found !== 'function') {
    const live = isEvaluating(reference.module) ? lookAlive(reference) : undefined;
    if (live !== undefined) return live;
    throw new TypeError(
      `${describeReference(reference)} is not exported where it was received: is that another version?`,
    );
  }
  if (!fits(found, reference)) {
    throw new TypeError(
      `${describeReference(reference)} is another function where it was received: the module changed, or was loaded ` +
        `otherwise. ${reference.required ? useSameLoader : 'A wrapped function needs register(name, fn)'}`,
    );
  }
  return keep(reference, found);
}

function keep(reference: Reference, fn: object): Callable {
  resolved.set(keyOf(reference), fn);
  if (hasPlace(reference)) acquaint(reference.module, fn);
  return fn as Callable;
}

/** Checks an export that was found by its name, without its script, which would cost too much to look up. */
function fits(fn: object, reference: Reference): boolean {
  if (!hasPlace(reference)) return true;
  const position = positionOf(fn);
  return position?.line === reference.line && position.column === reference.column && nameOf(fn) === reference.name;
}

function hasPlace(reference: Reference): reference is Reference & Sought {
  return reference.line !== undefined && reference.column !== undefined && reference.name !== undefined;
}

function keyOf({ module, export: name, line, column }: Reference): string {
  return `${line}:${column} ${name} ${module}`;
}

function describe(fn: object): Reference | Refusal {
  const name = nameOf(fn);
  let place: Place | undefined;
  try {
    place = placeOf(fn);
  } catch {
    return {
      what: labelOf(fn),
      cure: `${whyNoInspector()}, so it cannot be found; give it a name: register('name', fn)`,
    };
  }
  if (place === undefined) {
    if (name.startsWith('bound '))
      return { what: `the ${name.replace('bound ', 'bound function ')}`, cure: byRegistering };
    return { what: `the built-in ${kindOf(fn)} ${name}`, cure: 'export a function of your own that uses it' };
  }
  const { url: module, line, column } = place;
  if (!module.startsWith('file:')) {
    if (module.startsWith('node:')) {
      return { what: `the built-in ${kindOf(fn)} ${name}`, cure: 'export a function of your own that uses it' };
    }
    return { what: labelOf(fn), cure: 'its code lies in no file: declare it in a module, and export it there' };
  }
  if (holdsTests(module)) {
    return { what: `${labelOf(fn)} (line ${line + 1} of ${module})`, cure: testsWouldRun };
  }
  const exported = exportName(fn, name, place);
  if (exported !== undefined) {
    if (isOurs(module)) return { module: module.replace(/\.cjs$/, '.js'), export: exported };
    // Children load what is in the file, where the function has another place.
    if (isInContext && rewritten(module, place.script) !== undefined) return { module, export: exported };
    const reference = { module, export: exported, name, line, column };
    return wasRequiredByHook(module) ? { ...reference, required: true } : reference;
  }
  const original = rewritten(module, place.script);
  if (original === undefined) {
    return {
      what: `${labelOf(fn)} (line ${line + 1} of ${module})`,
      cure: `export it from its module, or ${byRegistering}`,
    };
  }
  const inFile = nameInFile(fn, name, original);
  if (inFile !== undefined) return { module, export: inFile };
  return {
    what: `${labelOf(fn)} of ${module}, which a test runner or a loader has rewritten`,
    cure: "export it there by its own name, or give { module, export: 'name' } in its place",
  };
}

function whyNoInspector(): string {
  const { bun, deno } = process.versions as { bun?: string; deno?: string };
  if (bun !== undefined || deno !== undefined) return 'this runtime is not Node and has no inspector of its own thread';
  if (!('permission' in process)) return 'this Node has no inspector';
  const flag = '--allow-inspector';
  const known = process.allowedNodeEnvironmentFlags.has(flag);
  return `Node runs with --permission, which forbids the inspector${known ? ` without ${flag}` : ''}`;
}

/** The cure for a function in a file of tests. */
export const testsWouldRun =
  'that file declares tests, which a child would run again when it loads the file to find the function. Move the function to ' +
  'a module of its own, or declare the tests behind the guard `if (isMainProcess) { … }`';

const byRegistering = "use register('name', fn) while its module loads";

/** The name under which the module shows this very function. */
function exportName(fn: object, name: string, place: Place): string | undefined {
  const loaded = loadedModule(place.url) ?? ownModule(place.url);
  const known = loaded === undefined ? undefined : nameAmong(loaded, fn, name);
  if (known !== undefined) return known;
  const source = sourceOf(place.script);
  const exports = exportsOf(source);
  if (exports.length === 0) return loaded === undefined ? undefined : commonExportsOf(source, name)[0];
  const variables = moduleVariables(fn);
  // A variable that only `export default variable` mentions is not among them; who receives it checks the place.
  const holds = (variable: string) =>
    Object.hasOwn(variables, variable) ? variables[variable] === fn : variable === name && variable !== '';
  const shown = exports.filter(({ variable }) => variable !== undefined && holds(variable));
  const best = shown.find((one) => one.name === name) ?? shown[0];
  if (best !== undefined) return best.name;
  const standard = exports.find((one) => one.name === 'default' && one.variable === undefined);
  return standard !== undefined && isDefault(fn, name, source, standard.offset, place) ? 'default' : undefined;
}

/** Files of this package are large, so their text takes long to read; but they are loaded to their end, for sure. */
function ownModule(url: string): unknown {
  return isOurs(url) && !requireIsPatched() ? requireModule(url) : undefined;
}

function nameAmong(exports: unknown, fn: object, name: string): string | undefined {
  if (exports === fn) return 'module.exports';
  if ((typeof exports !== 'object' && typeof exports !== 'function') || exports === null) return undefined;
  return [name, ...Object.keys(exports)].find((key) => exportOf(exports, key) === fn && Object.hasOwn(exports, key));
}

/** Whether it is the function or class without a name of its own that `export default` declares. */
function isDefault(fn: object, name: string, source: string, offset: number, { line, column }: Place): boolean {
  const at = offsetOf(source, line, column);
  if (at < offset) return false;
  if (kindOf(fn) === 'class')
    return /^default\s+class\b/.test(source.slice(offset)) && (name === 'default' || name === '');
  return (
    name === 'default' && /^default\b\s*(?:async\b\s*)?(?:function\b\s*\*?\s*)?\(*\s*$/.test(source.slice(offset, at))
  );
}

function offsetOf(source: string, line: number, column: number): number {
  let start = 0;
  for (let i = 0; i < line; i++) start = source.indexOf('\n', start) + 1;
  return start + column;
}

function notLoaded(reference: Reference, cause: unknown): TypeError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const code = String((cause as { code?: unknown } | null)?.code);
  const lacksLoader = reference.required || /^ERR_UN(?:KNOWN_FILE_EXTENSION|SUPPORTED_TYPESCRIPT)/.test(code);
  return new TypeError(
    `${describeReference(reference)} cannot be had, its module fails to load: ${reason}${lacksLoader ? `. ${useSameLoader}` : ''}`,
    { cause },
  );
}

/** Children inherit node's options, and run no code of the program that registers hooks. */
const useSameLoader =
  'Its loader was registered by code that does not run here: start the program with the loader as an option of node ' +
  '(--import or --require), or give it to children by execArgv';

function mustBeImported(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^ERR_(?:REQUIRE_|UNKNOWN_FILE_EXTENSION)/.test(code);
}

function describeReference({ module, export: name, registered, line }: Reference): string {
  if (registered !== undefined) return `The function registered as '${registered}' by ${module}`;
  return `The export ${name} of ${module}${line === undefined ? '' : ` (line ${line + 1})`}`;
}

function labelOf(fn: object): string {
  const name = nameOf(fn);
  return name === '' ? `a ${kindOf(fn)} without a name` : `the ${kindOf(fn)} ${name}`;
}

function kindOf(fn: object): string {
  return /^class\b/.test(Function.prototype.toString.call(fn)) ? 'class' : 'function';
}
