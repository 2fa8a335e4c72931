/** Places of functions in their scripts, read from V8 by an inspector session inside this thread. */
import { pathToFileURL } from 'node:url';
import { compileFunction } from 'node:vm';
import { Inspector } from '../lifecycle/inspecting.js';

/** A position in a script as V8 compiled it, which is what a loader made of the file. Lines and columns count from 0. */
export interface Position {
  /** V8's number for the script, which is this thread's own. */
  readonly script: string;
  readonly line: number;
  readonly column: number;
}

/** A position, and which script that is. */
export interface Place extends Position {
  /** `file:` for modules in files, also for CommonJS ones; anything else, or empty, for other code. */
  readonly url: string;
}

interface Location {
  readonly scriptId: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

const positions = new WeakMap<object, Position | null>();
const urls = new Map<string, string>();
const sources = new Map<string, string>();
let inspector: Inspector | undefined;
let marks = 0;

/**
 * Returns the place where a function or class was declared; `undefined` for built-in and bound ones.
 *
 * @throws Error where this Node has no inspector, or forbids it
 */
export function placeOf(fn: object): Place | undefined {
  const position = positionOf(fn);
  if (position === undefined) return undefined;
  if (!urls.has(position.script)) learnScripts();
  return { ...position, url: urls.get(position.script) ?? '' };
}

/** The same without the URL, which can cost some ten milliseconds to learn. */
export function positionOf(fn: object): Position | undefined {
  let position = positions.get(fn);
  if (position === undefined) {
    position = findPosition(fn) ?? null;
    positions.set(fn, position);
  }
  return position ?? undefined;
}

/** The text of a script as V8 compiled it. */
export function sourceOf(script: string): string {
  let source = sources.get(script);
  if (source === undefined) {
    source = debugging(() =>
      openInspector().ask<{ scriptSource: string }>('Debugger.getScriptSource', { scriptId: script }),
    ).scriptSource;
    sources.set(script, source);
  }
  return source;
}

/** Whether a script of this URL was compiled in this thread. */
export function isCompiled(url: string): boolean {
  if (![...urls.values()].includes(url)) learnScripts();
  return [...urls.values()].includes(url);
}

/** A mark for {@link compiledSince}: V8 counts its scripts upwards. */
export function newestScript(): number {
  // The text differs each time, so that V8 compiles it.
  return Number(locationOf(compileFunction(`// ${marks++}`))?.scriptId);
}

/** The URLs of the scripts that were compiled after the mark. */
export function compiledSince(mark: number): string[] {
  learnScripts();
  return [...urls].filter(([script]) => Number(script) > mark).map(([, url]) => url);
}

/**
 * The variables at the top level of the module that declared the function, also while it is still evaluated. Empty for
 * CommonJS modules.
 */
export function moduleVariables(fn: object): Record<string, unknown> {
  return withModuleScope(fn, copyOf);
}

/** Whether the module that declared the function has come to all declarations that its functions use, as far as it shows. */
export function isModuleWhole(fn: object): boolean {
  return withModuleScope(fn, (scope) => {
    const values = Object.values(copyOf(scope));
    if (values.length < Object.keys(scope).length) return false;
    // Node 20 shows as undefined what the module has not come to yet.
    return !values.includes(undefined) || values.some((value) => value !== undefined && typeof value !== 'function');
  });
}

/** The variables of the scopes that the function closes over, the innermost first, without the global ones. */
export function enclosingVariables(fn: object): Record<string, unknown>[] {
  return inspecting((inspector) =>
    inspector
      .scopesOf(fn)
      .filter(({ value }) => !/^(?:Global|Script)/.test(value?.description ?? 'Global'))
      .map((scope) => copyOf(inspector.variables(scope))),
  );
}

function withModuleScope<T>(fn: object, read: (scope: Record<string, unknown>) => T): T {
  return inspecting((inspector) => {
    const scope = inspector.scopesOf(fn).find(({ value }) => value?.description?.startsWith('Module'));
    return read(scope === undefined ? {} : inspector.variables(scope));
  });
}

function copyOf(variables: Record<string, unknown>): Record<string, unknown> {
  const copy: Record<string, unknown> = Object.create(null);
  for (const name of Object.keys(variables)) {
    try {
      copy[name] = variables[name];
    } catch {
      // The module has not come to its declaration yet.
    }
  }
  return copy;
}

/** All functions and classes that are alive in this thread. It costs a garbage collection. */
export function liveFunctions(): readonly object[] {
  return inspecting((inspector) => inspector.likes(Function.prototype)) as readonly object[];
}

function findPosition(fn: object): Position | undefined {
  const location = locationOf(fn);
  if (location === undefined) return undefined;
  return { script: location.scriptId, line: location.lineNumber, column: location.columnNumber };
}

function locationOf(fn: object): Location | undefined {
  return inspecting((inspector) => inspector.internal(fn, '[[FunctionLocation]]')?.value as Location | undefined);
}

/** Enabling the debugger makes V8 list all scripts: tens of milliseconds in a large program, so only when one is unknown. */
function learnScripts(): void {
  debugging(() => undefined);
}

function debugging<T>(act: () => T): T {
  openInspector().ask('Debugger.enable');
  // Only tools ask for stops.
  openInspector().ask('Debugger.setSkipAllPauses', { skip: true });
  try {
    return act();
  } finally {
    // With that V8 forgets which branches have run.
    if (!process.env.NODE_V8_COVERAGE) openInspector().ask('Debugger.disable');
  }
}

function inspecting<T>(act: (inspector: Inspector) => T): T {
  try {
    return act(openInspector());
  } finally {
    openInspector().forget();
  }
}

/** One session for as long as the thread lives: it has heard which scripts there are. */
function openInspector(): Inspector {
  if (inspector !== undefined) return inspector;
  inspector = new Inspector();
  inspector.session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => {
    // Some loaders name the file.
    urls.set(scriptId, url.startsWith('/') ? pathToFileURL(url).href : url);
  });
  return inspector;
}
