/** Modules whose functions will be asked for by name: what it takes to find and check them is done ahead. */
import { positionOf } from './function-places.js';
import { keepNamespace } from './modules.js';

/** Upper bound on functions of a module whose places are read ahead: each takes some 50 µs. */
const most = 500;

/**
 * Remembers what a module exports, and where its functions were declared.
 *
 * @param url as references have it
 */
export function makeKnown(url: string, namespace: object): void {
  keepNamespace(url, namespace);
  const functions = [namespace, ownValue(namespace, 'default')].flatMap(functionsOf);
  try {
    for (const fn of functions.slice(0, most)) positionOf(fn);
  } catch {
    // Without an inspector no function travels by its place.
  }
}

function functionsOf(exports: unknown): object[] {
  if ((typeof exports !== 'object' && typeof exports !== 'function') || exports === null) return [];
  const values = Object.keys(exports).map((name) => ownValue(exports, name));
  return [exports, ...values].filter((value) => typeof value === 'function');
}

/** Not by calling an accessor, as exports of CommonJS modules may be. */
function ownValue(object: object, name: string): unknown {
  try {
    return Object.getOwnPropertyDescriptor(object, name)?.value;
  } catch {
    // Declared, but never reached.
    return undefined;
  }
}
