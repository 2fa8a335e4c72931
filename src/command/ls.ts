/** `multiproc ls`: the shared objects of this user, and the processes that have them open. */

import { titlesOf } from '../observe/titles.js';
import { list, type ObjectInfo } from '../shared/listing.js';
import { managerOf } from '../shared/managed-memory.js';
import { processTable } from './processes.js';
import type { Report } from './report.js';
import { bytes, table } from './table.js';

export function ls([prefix]: string[]): Report {
  const found = list(prefix);
  const managers = new Set(found.filter(isLivingManager).map(({ file }) => managerOf(file)));
  const titles = titlesOf(found);
  const data = found.map((info) => ({
    ...info,
    processes: info.openers.map((pid) => ({ pid, title: titles[pid] ?? null })),
    state: stateOf(info, managers.has(managerOf(info.file))),
  }));
  const rows = data.map((info) => [
    info.name ?? `(${info.file})`,
    info.kind,
    bytes(info.memory),
    info.openers.length === 0 ? '-' : info.openers.join(' '),
    info.state,
  ]);
  if (rows.length === 0) return { data, text: 'There are no shared objects.\n' };
  return { data, text: table(['NAME', 'KIND', 'MEMORY', 'PIDS', 'STATE'], rows) + processTable(titles) };
}

function isLivingManager({ kind, openers }: ObjectInfo): boolean {
  return kind === 'manager' && openers.length > 0;
}

/** @param managed by a manager that lives */
function stateOf(info: ObjectInfo, managed: boolean): 'open' | 'unused' | 'stale' | 'damaged' {
  if (info.kind === 'unknown') return 'damaged';
  if (info.openers.length > 0) return 'open';
  // A named one waits for its next user; an anonymous one will be swept, unless a handle to it is on its way.
  return info.name === null && !managed ? 'stale' : 'unused';
}
