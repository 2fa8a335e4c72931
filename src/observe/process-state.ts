/** Whether a process runs, as /proc tells it. */
import { readFileSync } from 'node:fs';

/** `'stopped'`: by SIGSTOP or a debugger; `'ended'`: also for a process of another pid namespace. */
export type ProcessState = 'running' | 'stopped' | 'ended';

export function processState(pid: number): ProcessState {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const at = stat.lastIndexOf(')') + 2;
    const state = stat.slice(at, at + 1);
    if (state === 'Z' || state === 'X') return 'ended';
    return state === 'T' || state === 't' ? 'stopped' : 'running';
  } catch {
    return 'ended';
  }
}
