/** The state that the page shows: what is stuck first, then queues, pools, maps and memory. */
import { allWaits, type ProcessWait } from '../shared/waits.js';
import { processState } from './process-state.js';
import { isNotable, type Snapshot } from './snapshot.js';
import { type Titles, titlesOf } from './titles.js';

/** Rows of each table of the page. */
const maxRows = 200;

export interface PageState extends Omit<Snapshot, 'slots'> {
  /** Number and memory of all objects, in bytes. */
  readonly count: number;
  readonly memory: number;
  readonly waits: readonly ProcessWait[];
  /** Holders that are stopped (SIGSTOP, a debugger). */
  readonly stopped: readonly number[];
  /** By pid. */
  readonly titles: Titles;
}

export function stateOf({ slots, objects, ...rest }: Snapshot): PageState {
  const notable = objects.filter(isNotable).slice(0, maxRows);
  // Waits for a holder first: idle readers of queues are no fault.
  const sorted = allWaits().sort((one, other) => Number(other.on === 'holders') - Number(one.on === 'holders'));
  const shown = sorted.slice(0, maxRows);
  const pids = shown.map(({ pid, by }) => ({
    openers: [pid, ...by.flatMap((each) => (each.pid === null ? [] : [each.pid]))],
  }));
  return {
    ...rest,
    memory: objects.reduce((sum, { memory }) => sum + memory, 0),
    count: objects.length,
    waits: shown,
    objects: notable,
    stopped: [...new Set(pids.flatMap(({ openers }) => openers))].filter((pid) => processState(pid) === 'stopped'),
    titles: titlesOf([...notable, ...pids]),
  };
}
