/** Whether a process still runs: one that has ended and whom nobody has reaped does not. */
import { readFileSync } from 'node:fs';

export function runs(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return false;
  }
}
