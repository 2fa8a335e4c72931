// Runs the benchmarks: `npm run bench [-- [--rounds N] [--json FILE] [part of a title or file name …]]`.
//
// Every contestant runs in a fresh process, in turns: first round all contestants, second round all contestants … so that
// a noisy minute falls on everybody. Nothing is asserted: targets are printed beside what was measured.
import { readdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { run } from './harness/contestant.js';
import { machine } from './harness/machine.js';
import { medians } from './harness/statistics.js';
import { judge, table } from './harness/table.js';

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', short: 'r', default: '5' },
    json: { type: 'string' },
  },
});

const facts = machine();
console.log(
  Object.entries(facts)
    .map(([name, value]) => `${name}: ${value ?? 'none'}`)
    .join('\n'),
);

const report = { machine: facts, benchmarks: [] };
const files = readdirSync(new URL('.', import.meta.url)).filter((file) => file.endsWith('.bench.js'));
for (const file of files.sort()) {
  const { default: benchmarks, about } = await import(`./${file}`);
  let isTold = about === undefined;
  for (const benchmark of benchmarks) {
    const name = `${file.replace('.bench.js', '')} ${benchmark.title}`.toLowerCase();
    if (wanted.length > 0 && !wanted.some((part) => name.includes(part.toLowerCase()))) continue;
    if (!isTold) console.log(`\n${about()}`);
    isTold = true;
    const results = compete(benchmark);
    console.log(table(benchmark, results));
    const { title, unit, figure, targets = [] } = benchmark;
    report.benchmarks.push({ title, unit, figure, results, targets: judge(targets, results) });
  }
}
if (report.benchmarks.length === 0) {
  console.error('no benchmark has such a name');
  process.exitCode = 1;
}
const missed = report.benchmarks.flatMap(({ targets }) => targets.filter(({ met }) => met === false));
console.log(
  `\n${missed.length === 0 ? 'every target measured here is met' : `missed: ${missed.map(({ text }) => text).join('; ')}`}`,
);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);

function compete({ contestants, figure, rounds = Number(options.rounds) }) {
  const entries = Object.entries(contestants).map(([key, contestant]) => ({ key, contestant, records: [] }));
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries) {
      if (entry.missing !== undefined) continue;
      if (process.stderr.isTTY)
        process.stderr.write(`\r\x1b[Kround ${round + 1} of ${rounds}: ${entry.contestant.label}`);
      const figures = run(entry.contestant);
      if (figures.failed === undefined) entry.missing = figures.missing;
      else entry.failed = figures.failed;
      if (figures.failed === undefined) entry.records.push(figures);
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  return entries.map(({ key, contestant: { label }, records, missing, failed }) => {
    if (missing !== undefined) return { key, label, rounds, missing };
    if (records.length === 0) return { key, label, rounds, missing: failed };
    const all = records.map((record) => record[figure]);
    return {
      key,
      label,
      rounds: records.length,
      figures: medians(records),
      range: [Math.min(...all), Math.max(...all)],
    };
  });
}
