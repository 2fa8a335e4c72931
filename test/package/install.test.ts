/** What users do with the tarball: install it without a compiler, import it, and compile where no binary fits. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

t.setTimeout(600_000);

const root = fileURLToPath(new URL('../../', import.meta.url));
const require = createRequire(import.meta.url);
const temporary = realpathSync(mkdtempSync(join(tmpdir(), 'multiproc-package-')));
t.teardown(() => rmSync(temporary, { recursive: true }));
const npmCommand = findNpm();
const skip = npmCommand === undefined ? 'npm is not installed beside node' : false;

// A PATH without any tool to build with; each is a trap that leaves a mark where somebody calls it.
const bare = join(temporary, 'bin');
const trap = join(temporary, 'trapped');
mkdirSync(bare);
symlinkSync(process.execPath, join(bare, 'node'));
symlinkSync('/bin/sh', join(bare, 'sh'));
for (const tool of ['cc', 'gcc', 'g++', 'c++', 'clang', 'make', 'cmake', 'python', 'python3', 'node-gyp']) {
  writeFileSync(join(bare, tool), `#!/bin/sh\necho ${tool} "$@" >> ${trap}\nexit 1\n`);
  chmodSync(join(bare, tool), 0o755);
}

/** The script behind the `npm` command, so that it runs under this node whatever PATH is. */
function findNpm(): string | undefined {
  const told = process.env.npm_execpath;
  if (told?.endsWith('npm-cli.js')) return told;
  const { stdout } = spawnSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' });
  if (stdout === '') return undefined;
  const found = realpathSync(stdout.trim());
  return found.endsWith('npm-cli.js') ? found : undefined;
}

interface Surroundings {
  cwd: string;
  path?: string;
}

function run(
  file: string,
  args: string[],
  { cwd, path = process.env.PATH ?? '' }: Surroundings,
): SpawnSyncReturns<string> {
  // Without what the npm command that runs the tests says of itself.
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_(?!config_nodedir$)/i.test(name));
  const env = { ...Object.fromEntries(inherited), PATH: path };
  return spawnSync(file, args, { cwd, env, encoding: 'utf8', maxBuffer: 1 << 26 });
}

function npm(args: string[], surroundings: Surroundings): string {
  const { status, stdout, stderr } = run(process.execPath, [npmCommand as string, ...args], surroundings);
  if (status !== 0) throw new Error(`npm ${args.join(' ')}:\n${stdout}\n${stderr}`);
  return stdout;
}

/** Packs what `npm pack` here would pack, without building anew: the binary of this build stands for the prebuilt one. */
function packOurs(name: string, { prebuilt }: { prebuilt: boolean }): { tarball: string; files: string[] } {
  const folder = join(temporary, name);
  mkdirSync(folder);
  const { files, ...manifest } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, files }));
  for (const entry of [
    'commonjs',
    'dist',
    'native',
    'binding.gyp',
    'CMakeLists.txt',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'docs',
    'examples',
  ]) {
    if (existsSync(join(root, entry))) cpSync(join(root, entry), join(folder, entry), { recursive: true });
  }
  if (prebuilt) {
    const target = join(folder, 'prebuilds', `${process.platform}-${process.arch}`);
    mkdirSync(target, { recursive: true });
    copyFileSync(join(root, 'build/Release/multiproc.node'), join(target, 'multiproc.node'));
  }
  const [packed] = JSON.parse(
    npm(['pack', '--json', '--ignore-scripts', '--pack-destination', temporary, folder], { cwd: folder }),
  );
  const tarball = join(temporary, `${name}.tgz`);
  copyFileSync(join(temporary, packed.filename), tarball);
  return { tarball, files: packed.files.map(({ path }: { path: string }) => path) };
}

/** Packs an installed dependency of this project, so that the tests need no registry. */
function packDependency(name: string): string {
  const folder = dirname(require.resolve(`${name}/package.json`));
  const [packed] = JSON.parse(
    npm(['pack', '--json', '--ignore-scripts', '--pack-destination', temporary, folder], { cwd: temporary }),
  );
  return join(temporary, packed.filename);
}

function project(name: string): string {
  const folder = join(temporary, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, private: true }));
  return folder;
}

t.test('the tarball holds the program, the sources and the binary, and nothing else', { skip }, async (t) => {
  const { files } = packOurs('contents', { prebuilt: true });
  const expected =
    /^(commonjs\/.+\.cjs|dist\/.+\.(c?js|d\.c?ts)|native\/.+\.(cc|h)|prebuilds\/.+\.node|docs\/.+\.md|examples\/.+\.(ts|mjs|md)|package\.json|binding\.gyp|CMakeLists\.txt|[A-Z]+(\.md)?)$/;
  t.strictSame(
    files.filter((file) => !expected.test(file)),
    [],
  );
  t.notOk(files.includes('dist/internals.js'), 'what only tests need stays here');
  for (const file of [
    'dist/index.js',
    'dist/index.d.ts',
    'dist/keyv/index.d.ts',
    'dist/redis/index.d.ts',
    'dist/posix/index.d.ts',
    'native/addon.cc',
    'binding.gyp',
    'LICENSE',
  ]) {
    t.ok(files.includes(file), file);
  }
});

/** Links of Markdown to files, as `[from, to]`: `to` from the package's folder on, with an anchor. */
function links(file: string, text: string): [file: string, target: string][] {
  const prose = text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^()\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => [file, target.startsWith('#') ? file + target : join(dirname(file), target)]);
}

/** The anchors that headings of a page have, as Markdown's renderers make them. */
function anchors(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

t.test('every link of the README and the documentation leads to a file in the tarball', { skip }, async (t) => {
  const { files } = packOurs('links', { prebuilt: false });
  const folder = join(temporary, 'links');
  const pages = files.filter((file) => file.endsWith('.md'));
  for (const page of ['README.md', 'docs/pools.md', 'examples/README.md']) t.ok(pages.includes(page), page);
  const missing = pages
    .flatMap((page) => links(page, readFileSync(join(folder, page), 'utf8')))
    .filter(([, target]) => {
      const [path = '', anchor] = target.split('#');
      if (!files.some((file) => file === path || file.startsWith(path.endsWith('/') ? path : `${path}/`))) return true;
      return anchor !== undefined && !anchors(readFileSync(join(folder, path), 'utf8')).includes(anchor);
    });
  t.strictSame(missing, []);
  t.strictSame(
    links('docs/a.md', 'see [b](b.md#c) and `[x](y)`'),
    [['docs/a.md', 'docs/b.md#c']],
    'the check sees links',
  );
});

t.test('without a compiler it installs offline, runs no script, and works', { skip }, async (t) => {
  const cwd = project('user');
  const { tarball } = packOurs('ours', { prebuilt: true });
  npm(['install', '--offline', '--no-audit', '--no-fund', tarball, packDependency('node-gyp-build')], {
    cwd,
    path: bare,
  });
  t.notOk(existsSync(trap), 'nothing called a build tool');
  t.strictSame(
    readdirSync(join(cwd, 'node_modules')).filter((entry) => !entry.startsWith('.')),
    ['multiproc', 'node-gyp-build'],
  );
  const lock = JSON.parse(readFileSync(join(cwd, 'package-lock.json'), 'utf8'));
  t.notOk(lock.packages['node_modules/multiproc'].hasInstallScript);

  const imported = run(
    'node',
    [
      '--input-type=module',
      '-e',
      "import { ClosedError } from 'multiproc'; import 'multiproc/keyv'; import 'multiproc/posix'; import 'multiproc/redis'; console.log(ClosedError.name)",
    ],
    { cwd, path: bare },
  );
  t.match(imported, { status: 0, stdout: 'ClosedError\n', stderr: '' });
  const required = run(
    'node',
    [
      '-e',
      "console.log(require('multiproc').ClosedError.name); require('multiproc/keyv'); require('multiproc/posix'); require('multiproc/redis')",
    ],
    { cwd, path: bare },
  );
  t.match(required, { status: 0, stdout: 'ClosedError\n' });
  t.notMatch(required.stderr, /Error/);
});

t.test(
  'the command runs',
  { skip: skip || (existsSync(join(root, 'dist/command/main.js')) ? false : 'not there yet') },
  async (t) => {
    const cwd = join(temporary, 'user');
    const { status, stdout, stderr } = run(join(cwd, 'node_modules/.bin/multiproc'), ['doctor', '--json'], {
      cwd,
      path: bare,
    });
    t.equal(status, 0, stderr);
    t.type(JSON.parse(stdout), 'object');
  },
);

t.test('where no binary fits, importing fails with a command that makes one', { skip }, async (t) => {
  const cwd = project('compiling');
  const { tarball } = packOurs('sources', { prebuilt: false });
  const dependencies = ['node-gyp-build', 'node-addon-api'].map(packDependency);
  npm(['install', '--offline', '--no-audit', '--no-fund', tarball, ...dependencies], { cwd, path: bare });
  const failed = run('node', ['-e', "require('multiproc')"], { cwd });
  t.equal(failed.status, 1);
  const [, told] = /^Error: .*compile one: (npm .+)$/m.exec(failed.stderr) ?? [];
  t.match(told, `npm --prefix ${cwd}/node_modules/multiproc run compile`);

  const hasCompiler =
    run('sh', ['-c', 'command -v c++ && command -v make && command -v python3'], { cwd }).status === 0;
  if (!hasCompiler) return t.comment('no compiler here to try that command with');
  const compiled = run('sh', ['-c', told as string], { cwd });
  t.equal(compiled.status, 0, compiled.stderr.slice(-2000));
  t.match(run('node', ['-e', "require('multiproc')"], { cwd }), { status: 0, stderr: '' });
});
