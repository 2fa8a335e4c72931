/** A process as /proc/PID/stat tells it. */
import { readFileSync } from 'node:fs';

export interface ProcStat {
  /** One letter: `R` runs, `S` sleeps, `D` waits for a disk, `T` and `t` are stopped, `Z` and `X` have ended. */
  readonly state: string;
  /** CPU time of its threads, in clock ticks. */
  readonly ticks: number;
}

/** `undefined` for a process that does not exist, or is another pid namespace's. */
export function procStat(pid: number): ProcStat | undefined {
  try {
    // The second field, the name in parentheses, may itself have spaces and parentheses.
    const [state = '', ...fields] = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return { state, ticks: Number(fields[10]) + Number(fields[11]) };
  } catch {
    return undefined;
  }
}
