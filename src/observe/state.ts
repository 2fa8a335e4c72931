/** The state that the page shows: what is stuck first, then queues, pools, maps and memory. */
import type { Inspection } from '../shared/inspect.js';
import type { ProcessWait } from '../shared/waits.js';
import { processState } from './process-state.js';
import type { Snapshot } from './snapshot.js';
import { titlesOf } from './titles.js';

/** Rows of each table of the page. */
const maxRows = 200;

export interface PageState {
  readonly time: number;
  readonly participants: number;
  readonly shmBytes: number;
  readonly shmFreeBytes: number;
  readonly memory: number;
  readonly count: number;
  readonly waits: readonly ProcessWait[];
  readonly objects: readonly Inspection[];
  /** Holders that are stopped (SIGSTOP, a debugger). */
  readonly stopped: readonly number[];
  /** By pid. */
  readonly titles: Readonly<Record<string, string>>;
}

export function stateOf({ time, participants, shmBytes, shmFreeBytes, objects, waits }: Snapshot): PageState {
  const busy = objects.filter(({ kind, name }) => name !== null || kind === 'Pool' || kind.endsWith('Queue'));
  // Waits for a holder first: idle readers of queues are no fault.
  const sorted = [...waits].sort((one, other) => Number(other.on === 'holders') - Number(one.on === 'holders'));
  const shown = sorted.slice(0, maxRows);
  const pids = shown.map(({ pid, by }) => ({
    openers: [pid, ...by.flatMap((each) => (each.pid === null ? [] : [each.pid]))],
  }));
  return {
    time,
    participants,
    shmBytes,
    shmFreeBytes,
    memory: objects.reduce((sum, { memory }) => sum + memory, 0),
    count: objects.length,
    waits: shown,
    objects: busy.slice(0, maxRows),
    stopped: [...new Set(pids.flatMap(({ openers }) => openers))].filter((pid) => processState(pid) === 'stopped'),
    titles: titlesOf([...busy.slice(0, maxRows), ...pids]),
  };
}
