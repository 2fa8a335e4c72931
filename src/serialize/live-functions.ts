/**
 * Finds a function in a module that is loaded but gives no namespace to look in: one that is still evaluated, or one
 * with a top-level `await`.
 */
import { isCompiled, liveFunctions, moduleVariables, placeOf, sourceOf } from './function-places.js';
import { exportsOf } from './module-exports.js';

/** The place of a reference's function. */
export interface Sought {
  readonly module: string;
  readonly export: string;
  /** The function's own name. */
  readonly name: string;
  readonly line: number;
  readonly column: number;
}

/** One function of each module: its scope has the others. */
const acquaintances = new Map<string, object>();

/** Remembers a function of the module. */
export function acquaint(module: string, fn: object): void {
  if (!acquaintances.has(module)) acquaintances.set(module, fn);
}

/** `undefined` if the module is not loaded, or has no such function yet. */
export function findLive(sought: Sought): object | undefined {
  const near = findNear(sought);
  if (near !== undefined) return near;
  if (!isCompiled(sought.module)) return undefined;
  const candidates = liveFunctions().filter((fn) => nameOf(fn) === sought.name && isAt(fn, sought));
  const [only] = candidates;
  if (only === undefined) return undefined;
  acquaint(sought.module, only);
  return candidates.length === 1 ? only : exportedVariable(only, sought);
}

/** The same where another function of the module is known: that costs little. */
export function findNear(sought: Sought): object | undefined {
  const acquaintance = acquaintances.get(sought.module);
  return acquaintance === undefined ? undefined : exportedVariable(acquaintance, sought);
}

/** Whether the function was declared where the reference says. */
export function isAt(fn: object, { module, line, column }: Sought): boolean {
  const place = placeOf(fn);
  return place !== undefined && place.url === module && place.line === line && place.column === column;
}

/** A function's name, also of a class with a static member of that name. */
export function nameOf(fn: object): string {
  const descriptor = Object.getOwnPropertyDescriptor(fn, 'name');
  return typeof descriptor?.value === 'string' ? descriptor.value : '';
}

function exportedVariable(acquaintance: object, sought: Sought): object | undefined {
  const place = placeOf(acquaintance);
  if (place === undefined) return undefined;
  const exported = exportsOf(sourceOf(place.script)).find(({ name }) => name === sought.export);
  if (exported?.variable === undefined) return undefined;
  const value = moduleVariables(acquaintance)[exported.variable];
  return typeof value === 'function' && isAt(value, sought) ? value : undefined;
}
