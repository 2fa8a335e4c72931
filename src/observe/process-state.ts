/** Whether a process runs, as /proc tells it. */
import { procStat } from '../process/proc-stat.js';

/** `'stopped'`: by SIGSTOP or a debugger; `'ended'`: also for a process of another pid namespace. */
export type ProcessState = 'running' | 'stopped' | 'ended';

export function processState(pid: number): ProcessState {
  const state = procStat(pid)?.state ?? 'X';
  if (state === 'Z' || state === 'X') return 'ended';
  return state === 'T' || state === 't' ? 'stopped' : 'running';
}
