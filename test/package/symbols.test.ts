/**
 * The binary runs wherever Node 20 runs: it needs no symbol newer than what Node 20's own Linux binary requires, which
 * is GLIBC_2.28, GLIBCXX_3.4.21 and CXXABI_1.3.9.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const newest: Record<string, number[]> = { GLIBC: [2, 28], GLIBCXX: [3, 4, 21], CXXABI: [1, 3, 9], GCC: [4, 2, 0] };
const root = fileURLToPath(new URL('../../', import.meta.url));

/** Each processor's objdump reads only its own binaries. */
const objdumps: Record<string, string> = { x64: 'x86_64-linux-gnu-objdump', arm64: 'aarch64-linux-gnu-objdump' };

/** This build's binary, and all that `npm run prebuilds` and `prebuilds:arm64` made, with the objdump for each. */
const binaries: [file: string, objdump: string][] = [['build/Release/multiproc.node', 'objdump'], ...prebuilds()];

function prebuilds(): [file: string, objdump: string][] {
  const folder = `${root}prebuilds`;
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.glibc.node'))
    .map((file) => {
      const [, arch = ''] = /^linux-(\w+)/.exec(file) ?? [];
      return [`prebuilds/${file}`, arch === process.arch ? 'objdump' : (objdumps[arch] ?? 'objdump')];
    });
}

function skipWithout(objdump: string): string | false {
  return spawnSync(objdump, ['--version']).status === 0 ? false : `${objdump} is not installed`;
}

/** What the binary imports, as `[name, version family, version]`. */
function imports(file: string, objdump: string): [name: string, family: string, version: number[]][] {
  const { stdout } = spawnSync(objdump, ['-T', `${root}${file}`], { encoding: 'utf8', maxBuffer: 1 << 26 });
  return [...stdout.matchAll(/\*UND\*.*\(?\b([A-Z]+)_([\d.]+)\)?\s+(\S+)$/gm)].map(([, family, version, name]) => [
    name as string,
    family as string,
    (version as string).split('.').map(Number),
  ]);
}

function isNewer(version: number[], limit: number[]): boolean {
  for (const [index, part] of version.entries()) {
    if (part !== (limit[index] ?? 0)) return part > (limit[index] ?? 0);
  }
  return false;
}

t.test('the comparison of versions can fail', async (t) => {
  t.ok(isNewer([2, 34], [2, 28]));
  t.ok(isNewer([3, 4, 22], [3, 4, 21]));
  t.notOk(isNewer([2, 2, 5], [2, 28]));
  t.notOk(isNewer([2, 28], [2, 28]));
});

for (const [file, objdump] of binaries) {
  const skip = skipWithout(objdump);
  t.test(`${file}: no symbol is newer than what Node 20 itself needs`, { skip }, async (t) => {
    const found = imports(file, objdump);
    t.ok(found.length > 10, 'objdump told the imports');
    const tooNew = found.filter(([, family, version]) => isNewer(version, newest[family] ?? [0]));
    t.strictSame(tooNew, [], 'pin it in native/sys/glibc_baseline.h, or do without');
  });

  t.test(`${file}: it needs no library that Node does not load itself`, { skip }, async (t) => {
    const { stdout } = spawnSync(objdump, ['-p', `${root}${file}`], { encoding: 'utf8' });
    const needed = [...stdout.matchAll(/NEEDED\s+(\S+)/g)].map(([, library]) => library as string);
    const loaded = /^(libc|libstdc\+\+|libm|libgcc_s|libpthread|libdl|ld-linux-[\w-]+|libc\.musl-\w+)\.so/;
    t.strictSame(
      needed.filter((library) => !loaded.test(library)),
      [],
    );
    // In librt before glibc 2.34.
    const fromLibrt = imports(file, objdump).filter(([name]) => /^(shm_|timer_|mq_|aio_|lio_)/.test(name));
    t.strictSame(fromLibrt, []);
  });

  t.test(`${file}: it is never unloaded, since its threads and exit handlers outlive a Worker`, { skip }, async (t) => {
    const { stdout } = spawnSync(objdump, ['-p', `${root}${file}`], { encoding: 'utf8' });
    // DF_1_NODELETE
    t.ok(Number(/FLAGS_1\s+(0x[0-9a-f]+)/.exec(stdout)?.[1] ?? 0) & 8);
  });
}
