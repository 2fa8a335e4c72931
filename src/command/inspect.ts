/** `multiproc inspect NAME`: who holds an object, who waits for it, how deep. */
import { printableName } from '../printable.js';
import {
  type BarrierInfo,
  type EventInfo,
  type Holder,
  type Inspection,
  inspect,
  type LockInfo,
  type SemaphoreInfo,
} from '../shared/inspect.js';
import type { Report } from './report.js';
import { bytes } from './table.js';

export function inspectCommand([name = '']: string[]): Report {
  const data = inspect(name);
  const lines = [
    ...general(data),
    ...(data.lock ? lock(data.lock) : []),
    ...(data.semaphore ? semaphore(data.semaphore) : []),
    ...(data.condition ? ([['waits', String(data.condition.waiting)]] as Line[]) : []),
    ...(data.barrier ? barrier(data.barrier) : []),
    ...(data.event ? event(data.event) : []),
  ];
  const width = Math.max(...lines.map(([label]) => label.length));
  return { data, text: lines.map(([label, value]) => `${label.padEnd(width)}  ${printableName(value)}\n`).join('') };
}

type Line = [label: string, value: string];

function general(data: Inspection): Line[] {
  const type: Line[] = data.type === undefined ? [] : [['type', `'${data.type}'`]];
  const length: Line[] = data.length === undefined ? [] : [['length', String(data.length)]];
  return [
    ['name', data.name ?? '-'],
    ['kind', data.kind],
    ...type,
    ...length,
    ['size', bytes(data.size)],
    ['memory', bytes(data.memory)],
    ['file', `/dev/shm/${data.file}`],
    ['made by', data.creatorPid === null ? '-' : `pid ${data.creatorPid}`],
    ['made at', data.createdMs === null ? '-' : new Date(data.createdMs).toISOString()],
    ['open in', pids(data.openers)],
  ];
}

function lock(info: LockInfo): Line[] {
  return [
    ['held by', info.holder === null ? 'nobody' : holder(info.holder)],
    ['depth', String(info.depth)],
    ['waiting', pids(info.waiters)],
    ['owner died', info.ownerDied ? 'yes, and nobody has called markConsistent() since' : 'no'],
  ];
}

function semaphore(info: SemaphoreInfo): Line[] {
  const holders: Line[] = info.robust ? [['held by', info.holders.map(holder).join(', ') || 'nobody']] : [];
  return [
    ['free', String(info.value)],
    ['robust', info.robust ? 'yes' : 'no'],
    ...holders,
    ['waiting', pids(info.waiters)],
  ];
}

function barrier(info: BarrierInfo): Line[] {
  return [
    ['parties', String(info.parties)],
    ['arrived', String(info.waiting)],
    ['broken', info.broken ? 'yes, until reset()' : 'no'],
    ['waiting', pids(info.waiters)],
  ];
}

function event(info: EventInfo): Line[] {
  return [
    ['set', info.set ? 'yes' : 'no'],
    ['waiting', pids(info.waiters)],
  ];
}

function holder({ pid, alive }: Holder): string {
  const who = pid === null ? 'a former process' : `pid ${pid}`;
  return alive ? who : `${who} (dead: free for the next one)`;
}

function pids(list: number[]): string {
  return list.length === 0 ? 'nobody' : list.map((pid) => `pid ${pid}`).join(', ');
}
