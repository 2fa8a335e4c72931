/**
 * Finds the export that a function is where a tool has rewritten its module: vitest, Jest, ts-node and bundlers give V8 another text
 * under the file's URL, in which functions have other places.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { enclosingVariables, sourceOf } from './function-places.js';
import { commonExportsOf, type Exported, exportsOf } from './module-exports.js';

/** The content of a file that differs from the text that V8 compiled. */
export interface Rewritten {
  /** The exports that the file declares. */
  readonly exports: readonly Exported[];
  readonly text: string;
}

/** `undefined` if V8 compiled what is in the file, or the file cannot be read. */
export function rewritten(url: string, script: string): Rewritten | undefined {
  let text: string;
  try {
    text = readFileSync(fileURLToPath(url), 'utf8');
  } catch {
    // There is no such file: the URL is a tool's own.
    return undefined;
  }
  // `require` wraps nothing around it, and imports neither; a byte order mark and a first line with `#!` are left out.
  const plain = text.replace(/^\uFEFF/, '').replace(/^#!.*/, '');
  if (
    sourceOf(script)
      .replace(/^\uFEFF/, '')
      .replace(/^#!.*/, '') === plain
  )
    return undefined;
  return { exports: exportsOf(text), text };
}

/**
 * The name under which the file exports the function. Only where the module's own variable of that name is this very function.
 *
 * @param name the function's own name
 */
export function nameInFile(fn: object, name: string, { exports, text }: Rewritten): string | undefined {
  const scopes = enclosingVariables(fn);
  // The outermost scope that has the variable is the module's.
  const variableOf = (variable: string) => scopes.findLast((scope) => Object.hasOwn(scope, variable))?.[variable];
  const shown = exports.filter(({ variable }) => variable !== undefined && variableOf(variable) === fn);
  const best = shown.find((one) => one.name === name) ?? shown[0];
  if (best !== undefined) return best.name;
  return variableOf(name) === fn ? commonExportsOf(text, name)[0] : undefined;
}
