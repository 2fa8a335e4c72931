/** JavaScript text as tokens, as far as one must look to find out what a module exports. */

export interface Token {
  readonly kind: 'word' | 'string' | 'number' | 'template' | 'regexp' | 'mark';
  readonly text: string;
  /** Offset of its first character in the source. */
  readonly offset: number;
  /** Whether a line ended between it and the token before. */
  readonly afterNewline: boolean;
}

const space = /(?:[\s\uFEFF]+|\/\/.*|\/\*[\s\S]*?\*\/|^#!.*)+/y;
const plainWord = /[\w$#\u0080-\uffff\\]+/y;
const quoted = /"(?:[^"\\\n]|\\[\s\S])*"|'(?:[^'\\\n]|\\[\s\S])*'/y;
const number = /\.?\d(?:[\w.]|(?<=[eE])[+-])*/y;
const regexp = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[\w$]*/y;
const mark = /\.\.\.|=>|\?\.|[\s\S]/y;

/** A regular expression, not a division, follows these. */
const beforeOperand = new Set(
  'return typeof instanceof in of new delete void throw case do else yield await default extends'.split(' '),
);
/** … and the closing bracket of these. */
const withParentheses = new Set(['if', 'while', 'for', 'with']);

/**
 * Yields the tokens of a module. Where only the grammar could tell a regular expression from a division, it guesses; a
 * wrong guess affects no more than some tokens of the same line.
 */
export function* tokensOf(source: string): Generator<Token, void> {
  let at = 0;
  let last: Token | undefined;
  const brackets: { readonly open: string; readonly before: string | undefined }[] = [];
  let closed: string | undefined;
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  for (;;) {
    const gap = match(space) ?? '';
    at += gap.length;
    if (at >= source.length) return;
    const afterNewline = last === undefined || /[\n\r\u2028\u2029]/.test(gap);
    const first = source[at] as string;
    let kind: Token['kind'] = 'mark';
    let text: string | undefined;
    if (first === '"' || first === "'") {
      text = match(quoted);
      kind = 'string';
    } else if (first === '`' || (first === '}' && brackets.at(-1)?.open === '`')) {
      if (first === '}') brackets.pop();
      text = template(source, at);
      if (text.endsWith('${')) brackets.push({ open: '`', before: undefined });
      kind = 'template';
    } else if (first === '/' && operandMayFollow(last, closed, afterNewline)) {
      text = match(regexp);
      kind = 'regexp';
    } else if (/\d/.test(first) || (first === '.' && /\d/.test(source[at + 1] ?? ''))) {
      text = match(number);
      kind = 'number';
    } else {
      text = match(plainWord);
      kind = 'word';
    }
    if (text === undefined) {
      text = match(mark) as string;
      kind = 'mark';
    }
    if (kind === 'mark') {
      closed = undefined;
      if (text === '(' || text === '[' || text === '{') {
        brackets.push({ open: text, before: last?.kind === 'word' ? last.text : undefined });
      } else if (text === ')' || text === ']' || text === '}') {
        closed = brackets.pop()?.before;
      }
    }
    last = { kind, text, offset: at, afterNewline };
    at += text.length;
    yield last;
  }
}

/** The text of a template from its opening, or from the `}` of a substitution, to its end or the next `${`. */
function template(source: string, start: number): string {
  for (let i = start + 1; i < source.length; i++) {
    if (source[i] === '\\') i++;
    else if (source[i] === '`') return source.slice(start, i + 1);
    else if (source[i] === '$' && source[i + 1] === '{') return source.slice(start, i + 2);
  }
  return source.slice(start);
}

function operandMayFollow(last: Token | undefined, closed: string | undefined, afterNewline: boolean): boolean {
  if (last === undefined) return true;
  if (last.kind === 'word') return beforeOperand.has(last.text);
  if (last.kind === 'template') return last.text.endsWith('${');
  if (last.kind !== 'mark') return false;
  if (last.text === ')') return closed !== undefined && withParentheses.has(closed);
  if (last.text === '}') return afterNewline;
  return last.text !== ']';
}
