/** `multiproc sweep`: removes what dead processes left, and says what. */
import { printableName } from '../printable.js';
import { sweep } from '../shared/sweep.js';
import type { Report } from './report.js';
import { bytes } from './table.js';

export function sweepCommand(): Report {
  const data = sweep();
  const lines = data.map(({ file, size }) => `removed /dev/shm/${printableName(file)} (${bytes(size)})\n`);
  return { data, text: lines.length === 0 ? 'Nothing was left behind.\n' : lines.join('') };
}
