/** CONTRIBUTING and the README name only scripts that there are, and every script that contributors run is named. */
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';

const root = new URL('../../', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, root), 'utf8');
const scripts = Object.keys(JSON.parse(read('package.json')).scripts);
const page = read('CONTRIBUTING.md');

/** What npm itself calls, before another script or at some point of a package's life. */
const calledByNpm = (script: string) => /^pre(bench|demo|example|pack|pare|test)/.test(script);

t.test('what the pages tell to run exists', async (t) => {
  for (const file of ['CONTRIBUTING.md', 'README.md']) {
    const named = [...read(file).matchAll(/npm run\s+([\w:]+)/g)].map(([, script]) => script as string);
    t.ok(named.length > 0, file);
    t.strictSame(
      named.filter((script) => !scripts.includes(script)),
      [],
      file,
    );
  }
  const files = [...page.matchAll(/`((?:scripts|test|native|src)\/[\w./-]+\.\w+)`/g)].map(([, file]) => file as string);
  t.ok(files.length > 2);
  t.strictSame(
    files.filter((file) => !existsSync(new URL(file, root))),
    [],
  );
});

t.test('every script is told of', async (t) => {
  const unnamed = scripts.filter(
    (script) => !calledByNpm(script) && script !== 'test' && !new RegExp(`npm run\\s+${script}(?![\\w:])`).test(page),
  );
  // For users of the package who have to compile it; the error that tells so names it.
  t.strictSame(unnamed, ['compile']);
});

t.test('the licence in the manifest is the one in the file', async (t) => {
  t.equal(JSON.parse(read('package.json')).license, 'MIT');
  t.match(read('LICENSE'), /^MIT License\n/);
});
