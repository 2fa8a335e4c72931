// Runs the tests and tells which lines of src/ no process reached; ends with an error below 95 %.
//
//   node scripts/coverage.js [arguments of scripts/test.js]
//
// Node writes a report of megabytes for each process and Worker that ends in an orderly way. There are thousands: each is
// added up as soon as it is whole, and removed. Who is killed, or ends by `_exit` in native code, tells nothing.
//
// A line counts if code was made of it (no comments, no types) and it is more than brackets. It is reached if any of its
// code was.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

const target = 95;
const root = fileURLToPath(new URL('..', import.meta.url));
const output = `${root}coverage`;
const reports = `${output}/reports`;

/** What is loaded: the text of each file, and which of its characters ran. */
const scripts = new Map(
  readdirSync(`${root}dist`, { recursive: true })
    .filter((file) => file.endsWith('.js'))
    .map((file) => {
      const text = readFileSync(`${root}dist/${file}`, 'utf8');
      return [pathToFileURL(`${root}dist/${file}`).href, { text, ran: new Uint8Array(text.length) }];
    }),
);
let gathered = 0;

rmSync(output, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
const tests = spawn(process.execPath, [`${root}scripts/test.js`, ...process.argv.slice(2)], {
  env: { ...process.env, NODE_V8_COVERAGE: reports },
  stdio: 'inherit',
});
let code;
tests.on('exit', (status) => {
  code = status ?? 1;
});
while (code === undefined) {
  await sleep(500);
  gather();
}
const torn = gather();
const percent = tell();
console.log(`${gathered} reports of processes and threads${torn > 0 ? `, ${torn} torn` : ''}`);
if (percent < target) console.log(`Expected at least ${target} %`);
process.exitCode = code !== 0 || percent < target ? 1 : 0;

/** Adds up the reports that are whole, and returns how many are not yet. */
function gather() {
  let incomplete = 0;
  for (const file of readdirSync(reports)) {
    let report;
    try {
      report = JSON.parse(readFileSync(`${reports}/${file}`, 'utf8'));
    } catch {
      incomplete++; // It is being written; or its process was killed meanwhile.
      continue;
    }
    for (const { url, functions } of report.result) {
      const script = scripts.get(url);
      if (script !== undefined) add(script, functions);
    }
    rmSync(`${reports}/${file}`);
    gathered++;
  }
  return incomplete;
}

// A range counts for what no later one, which lies within, says otherwise.
function add({ ran }, functions) {
  const now = new Uint8Array(ran.length);
  for (const { ranges } of functions) {
    for (const { startOffset, endOffset, count } of ranges) now.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  }
  for (let at = 0; at < now.length; at++) if (now[at] === 1) ran[at] = 1;
}

/** Prints the files with lines that were not reached, and returns the share of those that were. */
function tell() {
  const files = new Map();
  for (const [url, script] of scripts) collect(fileURLToPath(url), script, files);
  let all = 0;
  let reached = 0;
  const missing = [];
  for (const [file, lines] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const missed = [...lines].filter(([, ran]) => !ran).map(([line]) => line);
    all += lines.size;
    reached += lines.size - missed.length;
    if (missed.length > 0) missing.push([file, lines.size, missed.sort((a, b) => a - b)]);
  }
  writeFileSync(`${output}/missed.json`, JSON.stringify(missing));
  for (const [file, size, missed] of missing) {
    console.log(`${share(size - missed.length, size).padStart(7)} ${file}: ${spans(missed)}`);
  }
  console.log(`\n${share(reached, all)}: ${reached} of ${all} lines in ${files.size} files`);
  return (100 * reached) / all;
}

// Whether each line ran, of the sources that a file was made from.
function collect(path, { text, ran }, files) {
  const map = JSON.parse(readFileSync(`${path}.map`, 'utf8'));
  const sources = map.sources.map((source) => {
    const file = resolve(dirname(path), map.sourceRoot ?? '', source);
    return { name: relative(root, file), lines: readFileSync(file, 'utf8').split('\n') };
  });
  const starts = [0];
  for (const row of text.split('\n')) starts.push(starts.at(-1) + row.length + 1);
  for (const { row, column, source, sourceLine } of segments(map.mappings)) {
    const { name, lines } = sources[source];
    const line = lines[sourceLine];
    if (!name.startsWith('src/') || !/\w/.test(line) || /^\s*(\/\/|\/\*|\*)/.test(line)) continue;
    const of = files.get(name) ?? new Map();
    files.set(name, of);
    of.set(sourceLine + 1, (of.get(sourceLine + 1) ?? false) || ran[starts[row] + column] === 1);
  }
}

// The pieces of a source map: base64 digits of five bits each, the least first, the sixth says that more follow.
function* segments(mappings) {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  let [source, sourceLine] = [0, 0];
  for (const [row, pieces] of mappings.split(';').entries()) {
    let column = 0;
    for (const piece of pieces.split(',')) {
      const fields = [];
      let value = 0;
      let shift = 0;
      for (const digit of piece) {
        const bits = digits.indexOf(digit);
        value |= (bits & 31) << shift;
        shift += 5;
        if (bits & 32) continue;
        fields.push(value & 1 ? -(value >> 1) : value >> 1);
        [value, shift] = [0, 0];
      }
      column += fields[0] ?? 0;
      if (fields.length < 4) continue;
      source += fields[1];
      sourceLine += fields[2];
      yield { row, column, source, sourceLine };
    }
  }
}

function share(part, all) {
  return `${((100 * part) / all).toFixed(1)} %`;
}

// 1, 2, 3, 7 → 1-3, 7
function spans(lines) {
  const found = [];
  for (const line of lines) {
    const last = found.at(-1);
    if (last?.[1] === line - 1) last[1] = line;
    else found.push([line, line]);
  }
  return found.map(([from, to]) => (from === to ? from : `${from}-${to}`)).join(', ');
}
