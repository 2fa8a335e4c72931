/** `multiproc ls`: the shared objects of this user. */
import { list, type ObjectInfo } from '../shared/listing.js';
import { managerOf } from '../shared/managed-memory.js';
import type { Report } from './report.js';
import { bytes, table } from './table.js';

export function ls([prefix]: string[]): Report {
  const found = list(prefix);
  const managers = new Set(found.filter(isLivingManager).map(({ file }) => managerOf(file)));
  const data = found.map((info) => ({ ...info, state: stateOf(info, managers.has(managerOf(info.file))) }));
  const rows = data.map((info) => [
    info.name ?? `(${info.file})`,
    info.kind,
    bytes(info.memory),
    info.openers.length === 0 ? '-' : info.openers.join(' '),
    info.state,
  ]);
  const text =
    rows.length === 0 ? 'There are no shared objects.\n' : table(['NAME', 'KIND', 'MEMORY', 'PIDS', 'STATE'], rows);
  return { data, text };
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
