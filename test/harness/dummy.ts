/** The programs of the tests with one import changed: what they did with processes they do with threads. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { threadId } from 'node:worker_threads';

const from = new URL('../programs/', import.meta.url);
// Beside the others, so that what they import relatively is found.
const to = new URL('../programs-dummy/', import.meta.url);

/** Makes copies of `test/programs/<name>.ts` that import `multiproc/dummy`; returns their URLs. */
export function dummyPrograms(...names: string[]): URL[] {
  mkdirSync(to, { recursive: true });
  return names.map((name) => {
    const source = readFileSync(new URL(`${name}.js`, from), 'utf8');
    const changed = source.replace(/from 'multiproc'/g, "from 'multiproc/dummy'");
    if (changed === source) throw new Error(`${name} imports nothing from multiproc`);
    const file = new URL(`${name}.js`, to);
    // Another test may be running it.
    const draft = new URL(`${name}.${process.pid}.${threadId}`, to);
    writeFileSync(draft, changed);
    renameSync(draft, file);
    return file;
  });
}
