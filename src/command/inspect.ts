/** `multiproc inspect NAME`: who holds an object, who waits for it, how deep. */
import { inspect as textOf } from 'node:util';
import { SharedMap } from '../map/shared-map.js';
import { titlesOf } from '../observe/titles.js';
import { printable, printableName } from '../printable.js';
import {
  type ArenaInfo,
  type BarrierInfo,
  type EventInfo,
  type Holder,
  type Inspection,
  inspect,
  type LockInfo,
  type SemaphoreInfo,
} from '../shared/inspect.js';
import type { MapInfo } from '../shared/map-info.js';
import type { JoinableQueueInfo, QueueInfo } from '../shared/queue-info.js';
import type { Report } from './report.js';
import { bytes } from './table.js';

export function inspectCommand([name = '', key]: string[]): Report {
  if (key !== undefined) return inspectKey(name, key);
  const found = inspect(name);
  const titles = titlesOf([found]);
  const data = { ...found, processes: found.openers.map((pid) => ({ pid, title: titles[pid] ?? null })) };
  const lines = [
    ...general(data),
    ...(data.lock ? lock(data.lock) : []),
    ...(data.semaphore ? semaphore(data.semaphore) : []),
    ...(data.condition ? ([['waits', String(data.condition.waiting)]] as Line[]) : []),
    ...(data.barrier ? barrier(data.barrier) : []),
    ...(data.event ? event(data.event) : []),
    ...(data.queue ? queue(data.queue) : []),
    ...(data.map ? map(data.map) : []),
    ...(data.pool ? ([['busy', `${data.pool.busy} of ${data.pool.workers} workers`]] as Line[]) : []),
    ...(data.arena ? arena(data.arena) : []),
    ...Object.entries(titles).map(([pid, title]): Line => [`pid ${pid}`, title]),
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
    ['memory', memory(data)],
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

function queue(info: QueueInfo | JoinableQueueInfo): Line[] {
  const lines: Line[] = [
    ['maxsize', info.maxsize === 0 ? 'none' : String(info.maxsize)],
    ['ended', info.ended ? 'yes, until reset()' : 'no'],
    ['readers', pids(info.waitingReaders)],
    ['writers', pids(info.waitingWriters)],
  ];
  if (!('consumers' in info)) return lines;
  const { consumers } = info;
  return [
    ...lines,
    ['joining', pids(info.waitingJoins)],
    ['unfinished', String(info.unfinished)],
    ['unacked', String(info.unacknowledged)],
    ...consumers.map((each): Line => ['', `${each.messages} by ${holder(each)}`]),
    ['delayed', String(info.delayed)],
    ['dead', `${info.deadLetters} kept here${info.deadLetter === null ? '' : `; others go to '${info.deadLetter}'`}`],
    ['redeliver', info.redeliver ? 'yes' : 'no'],
    ...(info.maxAttempts === null ? [] : ([['attempts', `${info.maxAttempts} at most`]] as Line[])),
    ...(info.lease === null ? [] : ([['lease', `${info.lease} ms`]] as Line[])),
  ];
}

function map(info: MapInfo): Line[] {
  const lines: Line[] = [
    ['entries', `${info.entries}${info.maxEntries === null ? '' : ` of ${info.maxEntries}`}`],
    ['bytes', `${bytes(info.bytes)} of ${bytes(info.capacity)}`],
  ];
  if (info.points !== null) return [...lines, ['limit', `${info.points} points in ${info.ttl} ms`]];
  return [
    ...lines,
    ['hit rate', hitRate(info)],
    ['evicted', String(info.evictions)],
    ['expired', String(info.expired)],
    ['ttl', info.ttl === null ? 'none' : `${info.ttl} ms`],
    ['eviction', info.eviction],
  ];
}

/** Share of hits among the counted reads. */
export function hitRate({ hits, misses }: MapInfo): string {
  const reads = hits + misses;
  return reads === 0 ? 'no reads yet' : `${((100 * hits) / reads).toFixed(1)} % of ${reads} reads`;
}

/** The value of one key of a map: what is given is a string, or the number that it looks like. */
function inspectKey(name: string, key: string): Report {
  const found = SharedMap.open(name);
  try {
    const number = key.trim() === '' ? Number.NaN : Number(key);
    const actual = found.has(key) || Number.isNaN(number) ? key : number;
    const has = found.has(actual);
    const value = has ? found.peek(actual) : undefined;
    const text = has ? textOf(value, { depth: 10, maxArrayLength: 1000 }) : `The map has no key ${textOf(key)}`;
    return {
      data: { name, key: actual, found: has, value: has ? textOf(value, { depth: 10 }) : null },
      text: `${printable(text)}\n`,
    };
  } finally {
    found.close();
  }
}

function arena({ objects }: ArenaInfo): Line[] {
  const list = Object.entries(objects).map(([kind, count]) => `${count} ${kind}`);
  return [['objects', list.join(', ') || 'none']];
}

/** A queue's segment is an address range for all that may ever be in it: its size says nothing. */
function memory({ memory, size, queue }: Inspection): string {
  if (queue === undefined) return size === memory ? bytes(memory) : `${bytes(memory)} of ${bytes(size)}`;
  return queue.capacity === null ? bytes(memory) : `${bytes(memory)}; messages may take ${bytes(queue.capacity)}`;
}

function holder({ pid, alive }: Holder): string {
  const who = pid === null ? 'a former process' : `pid ${pid}`;
  return alive ? who : `${who} (dead)`;
}

function pids(list: number[]): string {
  return list.length === 0 ? 'nobody' : list.map((pid) => `pid ${pid}`).join(', ');
}
