/** Another user, who plants files in /dev/shm: does what each message says. */

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';

/** What to plant. Names are those of files in /dev/shm. */
export type Plant = readonly [kind: PlantKind, name: string];
export type PlantKind =
  | 'fifo'
  | 'socket'
  | 'directory'
  | 'file'
  | 'locked file'
  | 'unreadable file'
  | 'sparse file'
  | 'link to nothing'
  | 'link to itself'
  | 'link to a directory'
  | 'link to a fifo'
  | 'link to a file';

function plant(kind: PlantKind, path: string): void {
  switch (kind) {
    case 'fifo':
      execFileSync('mkfifo', ['-m', '666', path]);
      break;
    case 'socket':
      process.getBuiltinModule('node:net').createServer().listen(path).unref();
      break;
    case 'directory':
      mkdirSync(path, { mode: 0o777 });
      break;
    case 'file':
      writeFileSync(path, 'MPROCSEG'.repeat(64), { mode: 0o666 });
      chmodSync(path, 0o666);
      break;
    case 'locked file':
      plant('file', path);
      lockAlone(path);
      break;
    case 'unreadable file':
      writeFileSync(path, '', { mode: 0 });
      break;
    case 'sparse file':
      closeSync(openSync(path, 'w', 0o666));
      truncateSync(path, 2 ** 40);
      break;
    case 'link to nothing':
      symlinkSync('/nowhere/at/all', path);
      break;
    case 'link to itself':
      symlinkSync(path, path);
      break;
    case 'link to a directory':
      symlinkSync('/', path);
      break;
    case 'link to a fifo':
      plant('fifo', `${path}.target`);
      symlinkSync(`${path}.target`, path);
      break;
    case 'link to a file':
      plant('file', `${path}.target`);
      symlinkSync(`${path}.target`, path);
      break;
  }
}

/** A process of this user has an exclusive flock(2) on the file until its input ends. */
function lockAlone(path: string): void {
  const { spawn } = process.getBuiltinModule('node:child_process');
  const holder = spawn('flock', ['-x', path, 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
  process.on('exit', () => holder.kill('SIGKILL'));
  // The kernel's list says when it is held.
  const inode = `:${process.getBuiltinModule('node:fs').statSync(path).ino} `;
  while (!readFileSync('/proc/locks', 'latin1').includes(inode));
}

process.on('message', (plants: readonly Plant[]) => {
  for (const [kind, name] of plants) plant(kind, `/dev/shm/${name}`);
  process.send?.('planted');
});
process.on('disconnect', () => process.exit());
