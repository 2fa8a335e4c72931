/**
 * Exports of a module, read from its text: a module that is still evaluated has no namespace, and a request for that of
 * another one may run it a second time.
 */
import { type Token, tokensOf } from './tokens.js';

/** One name that a module exports. */
export interface Exported {
  readonly name: string;
  /** The variable of the module that it shows; none for `export default` of an expression, a nameless function or class. */
  readonly variable: string | undefined;
  /** Offset of the statement in the text. */
  readonly offset: number;
}

/** The exports of an ES module, without those that it passes on from others. */
export function exportsOf(source: string): Exported[] {
  const found: Exported[] = [];
  if (!source.includes('export')) return found;
  const tokens = [...tokensOf(source)];
  let depth = 0;
  for (let i = 0; i < tokens.length; i++) {
    const { text, kind } = tokens[i] as Token;
    depth += deeper(tokens[i] as Token);
    if (depth !== 0 || kind !== 'word' || text !== 'export' || tokens[i - 1]?.text === '.') continue;
    found.push(...exportAt(tokens, i + 1));
  }
  return found;
}

/**
 * The names under which a CommonJS module says that it will export a variable: `exports.name = variable` and
 * `module.exports = { name: variable }`; `'module.exports'` for `module.exports = variable`.
 */
export function commonExportsOf(source: string, variable: string): string[] {
  const found: string[] = [];
  if (variable === '' || !source.includes('exports')) return found;
  const tokens = [...tokensOf(source)];
  const text = (i: number) => tokens[i]?.text;
  // Chains like `exports.a = exports.b = variable` name it as often.
  const names = (i: number): boolean =>
    text(i) === variable ||
    (['function', 'class'].includes(text(i) ?? '') && text(i + 1) === variable) ||
    (text(i) === 'async' && text(i + 1) === 'function' && text(i + 2) === variable);
  for (let i = 0; i < tokens.length; i++) {
    if (text(i) !== 'exports') continue;
    if (text(i + 1) === '.' && text(i + 3) === '=' && names(i + 4)) found.push(text(i + 2) as string);
    if (text(i - 1) !== '.' || text(i - 2) !== 'module' || text(i + 1) !== '=') continue;
    if (names(i + 2)) found.push('module.exports');
    if (text(i + 2) !== '{') continue;
    let depth = 0;
    for (let j = i + 2; j < tokens.length; j++) {
      depth += deeper(tokens[j] as Token);
      if (depth === 0) break;
      if (depth !== 1 || text(j) !== variable) continue;
      if (text(j + 1) !== ',' && text(j + 1) !== '}') continue;
      if (text(j - 1) === '{' || text(j - 1) === ',') found.push(variable);
      else if (text(j - 1) === ':') found.push(unquoted(text(j - 2) as string));
    }
  }
  return found;
}

function exportAt(tokens: readonly Token[], start: number): Exported[] {
  const first = tokens[start];
  if (first === undefined) return [];
  const { offset } = first;
  switch (first.text) {
    case 'default':
      return [{ name: 'default', variable: defaultVariable(tokens, start + 1), offset }];
    case '{':
      return clause(tokens, start);
    case 'async':
    case 'function':
    case 'class': {
      const variable = declared(tokens, start);
      return variable === undefined ? [] : [{ name: variable, variable, offset }];
    }
    case 'const':
    case 'let':
    case 'var':
      return variables(tokens, start + 1).map((variable) => ({ name: variable, variable, offset }));
    default:
      return [];
  }
}

/** `{ a, b as c, d as "e" }`, unless `from` follows. */
function clause(tokens: readonly Token[], start: number): Exported[] {
  const found: Exported[] = [];
  let i = start + 1;
  while (i < tokens.length && tokens[i]?.text !== '}') {
    const { text: variable, offset } = tokens[i] as Token;
    let name = variable;
    if (tokens[i + 1]?.text === 'as') {
      name = unquoted(tokens[i + 2]?.text ?? '');
      i += 2;
    }
    found.push({ name, variable, offset });
    i += tokens[i + 1]?.text === ',' ? 2 : 1;
  }
  return tokens[i + 1]?.text === 'from' ? [] : found;
}

/** The name in `function name`, `async function* name`, `class name`. */
function declared(tokens: readonly Token[], start: number): string | undefined {
  let i = start;
  if (tokens[i]?.text === 'async') i++;
  if (tokens[i]?.text !== 'function' && tokens[i]?.text !== 'class') return undefined;
  i++;
  if (tokens[i]?.text === '*') i++;
  const name = tokens[i];
  return name?.kind === 'word' && name.text !== 'extends' ? name.text : undefined;
}

function defaultVariable(tokens: readonly Token[], start: number): string | undefined {
  const name = declared(tokens, start);
  if (name !== undefined) return name;
  const [only, next] = [tokens[start], tokens[start + 1]];
  if (only?.kind !== 'word' || ['function', 'class', 'async'].includes(only.text)) return undefined;
  return next === undefined || next.text === ';' || (next.afterNewline && next.kind === 'word') ? only.text : undefined;
}

/** The names that `const …` declares. More than that does no harm: they are looked up before they are believed. */
function variables(tokens: readonly Token[], start: number): string[] {
  const found: string[] = [];
  let depth = 0;
  let naming = true;
  for (let i = start; i < tokens.length; i++) {
    const token = tokens[i] as Token;
    const next = tokens[i + 1]?.text;
    if (depth === 0 && i > start && (token.text === ';' || (token.kind === 'word' && endsBefore(tokens, i)))) break;
    if (depth === 0 && token.text === ',') naming = true;
    else if (depth === 0 && token.text === '=') naming = false;
    else if (naming && token.kind === 'word' && next !== ':') found.push(token.text);
    depth += deeper(token);
    if (depth < 0) break;
  }
  return found;
}

/** Whether a statement ended before this word without a semicolon. */
function endsBefore(tokens: readonly Token[], i: number): boolean {
  if (!tokens[i]?.afterNewline) return false;
  const before = tokens[i - 1] as Token;
  return before.kind !== 'mark'
    ? before.kind !== 'word' || !/^(?:const|let|var|new|await|of|in)$/.test(before.text)
    : /^[)\]}]$/.test(before.text);
}

function deeper({ kind, text }: Token): number {
  if (kind === 'mark') return text === '(' || text === '[' || text === '{' ? 1 : /^[)\]}]$/.test(text) ? -1 : 0;
  if (kind !== 'template') return 0;
  return (text.endsWith('${') ? 1 : 0) - (text.startsWith('}') ? 1 : 0);
}

function unquoted(text: string): string {
  return /^["']/.test(text) ? text.slice(1, -1) : text;
}
