/**
 * A lint of the language: plain technical English (actor, verb, consequence) in comments, strings and Markdown, and lines
 * of at most 120 columns. CONTRIBUTING.md has the rules, docs/glossary.md the terms.
 *
 * Folders and files in `unchecked` are not rewritten yet. The list only shrinks: an entry without a fault is itself one.
 *
 * `--figures` prints the words of comment, the markers and the long lines of every folder, checked or not.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));

const unchecked = ['bench/', 'commonjs/', 'examples/', 'models/', 'native/', 'scripts/', 'src/', 'test/'];

const generated = ['docs/api/', 'examples/node_modules/'];
const places = ['bench', 'commonjs', 'docs', 'examples', 'models', 'native', 'scripts', 'src', 'test'];
const maxColumns = 120;

/** Each marker with what to write instead. */
const anywhere = [
  [/\b(?:no|some|every|any)body\b/i, 'name the process, thread or caller, and the bound'],
  [/\b(?:whoever|whomever|whatever)\b/i, 'name the process, thread or caller'],
  [/\b(?:he|him|his|himself)\b/i, 'a process, thread or caller is "it"'],
  [/\bfor ever\b/i, '"indefinitely", or the bound'],
  [/\b(?:go|goes|going|gone|went) on\b(?! (?:the|a|an)\b)/i, '"continue"'],
  [/\b(?:tell|tells|telling|told) of\b/i, '"report"'],
  [/\btold\b/i, '"notified", "passed", "reported" or "rejected"'],
  [/\b(?:is|are|was|were) none\b/i, '"there is no …"'],
  [/\bwhat is no\b/i, '"anything except …"'],
  [/\bby and by\b/i, '"later"'],
];
const atSentenceStart = [
  [/^(?:Who|Whom|What|Whose)\b(?!.*\?$)/, 'begin with the noun: "The process that …"'],
  [/^So (?:many|much|long|often)\b/, '"Upper bound on …", "At most …", "Number of …"'],
];
const atCommentStart = [
  [/^(?:Of|As) (?:the|a|an|what|which|these|those|it)\b/, 'name the thing: "Type registry of the call"'],
  [/^Has (?:it|them|the|a|`)/, 'begin with the verb: "Calls …"'],
];
const atFileStart = [[/^(?:How|Which|Where|When|Why)\b/, 'a noun phrase: what the file is']];

/** Not prose: the programs and messages of others, byte patterns of tests. */
const isSource = (file) => ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.cc', '.h', '.c'].includes(extname(file));

const figures = new Map();
const faults = [];
const unclean = new Set();
for (const file of files()) {
  const text = readFileSync(`${root}${file}`, 'utf8');
  const found = [...longLines(file, text), ...(isSource(file) ? sourceFaults(file, text) : markdownFaults(text))];
  count(file, found);
  const exempt = unchecked.find((path) => file.startsWith(path));
  if (exempt) {
    if (found.length > 0) unclean.add(exempt);
  } else {
    for (const { line, what } of found) faults.push(`${file}:${line}: ${what}`);
  }
}
for (const path of unchecked) {
  if (!unclean.has(path)) faults.push(`${path} is clean: remove it from "unchecked" in scripts/check-prose.js`);
}
for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;
if (process.argv.includes('--figures')) printFigures();

function files() {
  const all = readdirSync(root).filter((file) => extname(file) === '.md');
  for (const place of places) {
    for (const name of readdirSync(`${root}${place}`, { recursive: true })) {
      const file = `${place}/${name}`;
      if (generated.some((path) => file.startsWith(path)) || file.includes('node_modules/')) continue;
      if (isSource(file) || extname(file) === '.md') all.push(file);
    }
  }
  return all.sort();
}

function* longLines(file, text) {
  const isMarkdown = extname(file) === '.md';
  for (const [index, line] of text.split('\n').entries()) {
    // A row of a Markdown table cannot be wrapped.
    if (isMarkdown && /^\s*\|/.test(line)) continue;
    const columns = [...line].length;
    if (columns > maxColumns) yield { line: index + 1, what: `${columns} columns, at most ${maxColumns}`, long: true };
  }
}

function* sourceFaults(file, text) {
  const { comments, strings } = /\.(?:cc|h|c)$/.test(file) ? partsOfC(text) : partsOfTypeScript(file, text);
  for (const { start, prose } of blocks(text, comments)) {
    figure(file).words += words(prose);
    figure(file).blocks++;
    const first = text.slice(0, start).replace(/^#!.*/, '').trim() === '';
    yield* proseFaults(prose, lineOf(text, start), first ? 'file' : 'comment');
  }
  for (const { start, prose } of strings) {
    if (/\S\s+\S+\s+\S/.test(prose)) yield* proseFaults(prose, lineOf(text, start), 'string');
  }
}

function* markdownFaults(text) {
  let start = 0;
  const withoutCode = text
    .replace(/^```[\s\S]*?^```/gm, (code) => code.replace(/[^\n]/g, ' '))
    .replace(/<!--[\s\S]*?-->/g, (comment) => comment.replace(/[^\n]/g, ' '));
  for (const paragraph of withoutCode.split(/(?<=\n)(?=\s*\n|\s*(?:[-*#] |[#|>])|\s*\d+\. )/)) {
    const prose = paragraph.replace(/^[\s#>*|-]+/, '');
    yield* proseFaults(prose, lineOf(text, start + paragraph.length - prose.length), 'paragraph');
    start += paragraph.length;
  }
}

function* proseFaults(prose, line, place) {
  const plain = prose
    .replace(/`[^`]*`/g, '`x`')
    .replace(/"[^"\n]*"/g, '"x"')
    .replace(/\s+/g, ' ')
    .trim();
  for (const [pattern, cure] of anywhere) {
    for (const [marker] of plain.matchAll(new RegExp(pattern, `${pattern.flags}g`))) yield fault(marker, cure);
  }
  for (const sentence of plain.split(/(?<=[.!?:])\s+(?=["'(*]*[A-Z`])|\s\|\s/)) {
    for (const [pattern, cure] of atSentenceStart) {
      const [marker] = pattern.exec(sentence.replace(/^[*|_(\s]+/, '').trim()) ?? [];
      if (marker) yield fault(marker, cure);
    }
  }
  const atStart = [
    ...(place === 'file' ? atFileStart : []),
    ...(place === 'file' || place === 'comment' ? atCommentStart : []),
  ];
  for (const [pattern, cure] of atStart) {
    const [marker] = pattern.exec(plain) ?? [];
    if (marker) yield fault(marker, cure);
  }
  function fault(marker, cure) {
    return { line, what: `"${marker}" in a ${place}; write ${cure}` };
  }
}

/** Joins line comments that follow each other, and strips the signs of comments. */
function* blocks(text, comments) {
  let joined;
  for (const { start, end } of comments) {
    const comment = text.slice(start, end);
    if (/^\/\/\/? (?:biome-ignore|NOLINT|clang-format)|^\/\/ @ts-|^\/\/ → /.test(comment)) continue;
    const isLine = comment.startsWith('//');
    const prose = isLine
      ? comment.replace(/^\/{2,3}<? ?/, '')
      : comment.replace(/^\/\*\*?|\*\/$/g, '').replace(/^[ \t]*\* ?/gm, '');
    if (isLine && joined && /^\n[ \t]*$/.test(text.slice(joined.end, start))) {
      joined.prose += `\n${prose}`;
      joined.end = end;
      continue;
    }
    if (joined) yield joined;
    joined = isLine ? { start, end, prose } : undefined;
    if (!isLine) yield { start, end, prose };
  }
  if (joined) yield joined;
}

function partsOfTypeScript(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const comments = new Map();
  const strings = [];
  visit(source);
  return { comments: [...comments.values()].sort((a, b) => a.start - b.start), strings };

  function visit(node) {
    if (node.kind >= ts.SyntaxKind.FirstJSDocNode && node.kind <= ts.SyntaxKind.LastJSDocNode) return;
    const isTemplate = node.kind >= ts.SyntaxKind.FirstTemplateToken && node.kind <= ts.SyntaxKind.LastTemplateToken;
    if (node.kind === ts.SyntaxKind.StringLiteral || isTemplate) {
      strings.push({ start: node.getStart(source), prose: node.text ?? '' });
    }
    if (node.getChildCount(source) === 0 || node.kind === ts.SyntaxKind.EndOfFileToken) {
      for (const { pos, end } of [
        ...(ts.getLeadingCommentRanges(text, node.pos) ?? []),
        ...(ts.getTrailingCommentRanges(text, node.end) ?? []),
      ]) {
        comments.set(pos, { start: pos, end });
      }
    }
    for (const child of node.getChildren(source)) visit(child);
  }
}

function partsOfC(text) {
  const comments = [];
  const strings = [];
  const pattern = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|R"(\w*)\([\s\S]*?\)\1"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+'/g;
  for (const match of text.matchAll(pattern)) {
    const [part] = match;
    if (part.startsWith('/')) comments.push({ start: match.index, end: match.index + part.length });
    else if (part.startsWith('"')) strings.push({ start: match.index, prose: part.slice(1, -1) });
  }
  return { comments, strings };
}

function lineOf(text, position) {
  return text.slice(0, position).split('\n').length;
}

function words(prose) {
  return prose.match(/[\p{L}\p{N}][\p{L}\p{N}'’.-]*/gu)?.length ?? 0;
}

function folderOf(file) {
  const folder = dirname(file);
  return folder === '.' || folder === 'docs' ? file : folder.split('/').slice(0, 2).join('/');
}

function figure(file) {
  const folder = folderOf(file);
  if (!figures.has(folder)) figures.set(folder, { words: 0, blocks: 0, markers: 0, 'long lines': 0 });
  return figures.get(folder);
}

function count(file, found) {
  const entry = figure(file);
  entry.markers += found.filter(({ long }) => !long).length;
  entry['long lines'] += found.filter(({ long }) => long).length;
  if (extname(file) === '.md') entry.words += words(readFileSync(`${root}${file}`, 'utf8'));
}

function printFigures() {
  const total = { words: 0, blocks: 0, markers: 0, 'long lines': 0 };
  for (const entry of figures.values()) for (const key in total) total[key] += entry[key];
  console.table(Object.fromEntries([...[...figures].sort(), ['all', total]]));
}
