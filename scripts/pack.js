// The tarball that `npm pack` would make, with the binary of build/ in the place of a prebuilt one.
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * @param destination - the folder that gets the tarball
 * @returns the path of the tarball, and what npm says of it
 */
export function pack(destination) {
  const folder = mkdtempSync(join(tmpdir(), 'multiproc-pack-'));
  try {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
    const entries = [...manifest.files.filter((entry) => !entry.startsWith('!')), 'README.md', 'LICENSE'];
    for (const entry of new Set(entries.map((entry) => entry.split('/')[0]))) {
      if (existsSync(join(root, entry))) cpSync(join(root, entry), join(folder, entry), { recursive: true });
    }
    const binaries = join(folder, 'prebuilds', `${process.platform}-${process.arch}`);
    mkdirSync(binaries, { recursive: true });
    copyFileSync(join(root, 'build/Release/multiproc.node'), join(binaries, 'multiproc.node'));
    const { status, stdout, stderr } = spawnSync(
      'npm',
      ['pack', '--json', '--ignore-scripts', '--pack-destination', destination, folder],
      { cwd: folder, encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`npm pack failed:\n${stderr}`);
    const [packed] = JSON.parse(stdout);
    return { tarball: join(destination, packed.filename), packed };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
