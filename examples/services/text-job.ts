// A text job over a pool: which words do the files of a folder use most? With a bar on a terminal, and Ctrl-C ends it cleanly.
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isMainProcess, Pool } from 'multiproc';

export async function countWords(file: string): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const [word] of (await readFile(file, 'utf8')).matchAll(/\p{L}{4,}/gu)) {
    const key = word.toLowerCase();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

function sum(all: readonly Map<string, number>[]): Map<string, number> {
  const total = new Map<string, number>();
  for (const counts of all) for (const [word, n] of counts) total.set(word, (total.get(word) ?? 0) + n);
  return total;
}

/** All text files below a folder. */
function textsOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(md|txt|ts)$/.test(file))
    .map((file) => join(folder, file));
}

if (isMainProcess) {
  // Ctrl-C reaches this process alone: workers ignore it, and are told by the pool what is not wanted any more.
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort(new Error('interrupted')));

  const folder = process.argv[2] ?? dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  const files = textsOf(folder);
  const progress = process.stderr.isTTY === true; // the bar needs the package cli-progress
  await using pool = new Pool();

  const counts = sum(await pool.map(countWords, files, { signal: interrupted.signal, progress, chunksize: 4 }));
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  console.log('of', counts.size > 100 ? 'many' : 'few', 'words, this one comes most often:', most?.[0]);
  // → /^of many words, this one comes most often: [a-z]+$/

  // The same job, given up half-way: nothing more is begun, and the pool goes on with other work.
  const enough = new AbortController();
  const onProgress = (done: number, total: number) => {
    if (done >= total / 2) enough.abort(new Error('enough of it'));
  };
  await pool
    .map(countWords, files, { signal: enough.signal, onProgress, chunksize: 1 })
    .catch((error: Error) => console.log(error.message)); // → enough of it
  console.log((await pool.apply(countWords, [files[0] ?? ''])) instanceof Map); // → true
}
