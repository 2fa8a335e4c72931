/**
 * Files of tests that a child must not load: a function that such a file exports is found by loading the file, and that would run its
 * tests again in the child.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Token, tokensOf } from './tokens.js';

/** Functions that declare tests, which mocha, Jest and Jasmine put on the global object. */
const declaring = new Set('describe it test suite specify context fdescribe fit xdescribe xit'.split(' '));
const runners =
  /^["'](?:node:test|tap|ava|vitest|mocha|jasmine|uvu|tape|bun:test|@jest\/globals|@playwright\/test)["']$/;
const mayImportRunner = new RegExp(runners.source.slice(1, -1));
/** A file that names one of these looks where it runs before it declares tests; `main` of `import.meta` or `require`. */
const guards = new Set(['isMainProcess', 'isMainThread', 'main']);

const known = new Map<string, boolean>();

/** Whether the file declares tests at its top level, without a guard. */
export function holdsTests(url: string): boolean {
  let found = known.get(url);
  if (found === undefined) {
    found = declaresTests(url);
    known.set(url, found);
  }
  return found;
}

function declaresTests(url: string): boolean {
  let text: string;
  try {
    text = readFileSync(fileURLToPath(url), 'utf8');
  } catch {
    return false;
  }
  // For most programs' files the check ends here.
  if (!mayImportRunner.test(text) && ![...declaring].some(isGlobal)) return false;
  const tokens = [...tokensOf(text)];
  if (tokens.some(isGuard)) return false;
  const calls = topLevelCalls(tokens);
  const imported = new Set(tokens.flatMap((token, i) => (isRunner(token) ? boundBy(tokens, i) : [])));
  return calls.some((name) => imported.has(name) || (declaring.has(name) && isGlobal(name)));
}

function isGuard({ kind, text }: Token, i: number, tokens: readonly Token[]): boolean {
  return kind === 'word' && guards.has(text) && (text !== 'main' || tokens[i - 1]?.text === '.');
}

function isGlobal(name: string): boolean {
  return typeof (globalThis as Record<string, unknown>)[name] === 'function';
}

/** The variables of the `import … from` or `const … = require(…)` whose module is the token at `end`. */
function boundBy(tokens: readonly Token[], end: number): string[] {
  const found: string[] = [];
  for (let i = end - 1; i >= 0; i--) {
    const { kind, text } = tokens[i] as Token;
    if (/^(?:import|const|let|var)$/.test(text)) return found;
    if (kind === 'word') found.push(text);
  }
  return [];
}

function isRunner({ kind, text }: Token): boolean {
  return kind === 'string' && runners.test(text);
}

/** The names of functions that statements at the top level call: `describe(…)`, `describe.only(…)`. */
function topLevelCalls(tokens: readonly Token[]): string[] {
  const found: string[] = [];
  let depth = 0;
  for (const [i, { kind, text }] of tokens.entries()) {
    if (kind === 'mark' && /^[([{]$/.test(text)) depth++;
    else if (kind === 'mark' && /^[)\]}]$/.test(text)) depth--;
    else if (depth === 0 && kind === 'word' && /^[(.]$/.test(tokens[i + 1]?.text ?? '')) {
      if (tokens[i - 1]?.text !== '.' && tokens[i - 1]?.text !== 'function') found.push(text);
    }
  }
  return found;
}
