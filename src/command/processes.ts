/** The table of the processes that have shared objects open. */
import type { Titles } from '../observe/titles.js';
import { table } from './table.js';

/** A table behind another one; nothing if there are no processes. */
export function processTable(titles: Titles): string {
  const rows = Object.entries(titles);
  return rows.length === 0 ? '' : `\n${table(['PID', 'PROCESS'], rows)}`;
}
