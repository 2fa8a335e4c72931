/** The metrics of a snapshot. docs/observability.md lists them. */
import type { Inspection } from '../shared/inspect.js';
import type { Family, Labels } from './exposition.js';
import { holdersOf, isNotable, type Snapshot, waitersOf } from './snapshot.js';

/** Objects with series of their own: a program that makes names without end must not fill the database. */
export const maxObjects = 1000;

type Sample = readonly [Labels, number];

export function metricsOf(snapshot: Snapshot): Family[] {
  const { objects, participants, slots, shmBytes, shmFreeBytes } = snapshot;
  const notable = objects.filter(isNotable);
  const shown = notable.sort(byWaiters).slice(0, maxObjects);
  const omitted = notable.length - shown.length;
  const each = (value: (object: Inspection) => number | undefined): Sample[] =>
    shown.flatMap((object) => {
      const found = value(object);
      return found === undefined ? [] : [[labelsOf(object), found] as const];
    });
  const queue = (value: (queue: NonNullable<Inspection['queue']>) => number | undefined) =>
    each(({ queue: found }) => found && value(found));
  const joinable = (field: 'unfinished' | 'unacknowledged' | 'delayed' | 'deadLetters') =>
    queue((found) => (field in found ? (found as unknown as Record<string, number>)[field] : undefined));
  const map = (value: (map: NonNullable<Inspection['map']>) => number) =>
    each(({ map: found }) => found && value(found));
  return [
    gauge('multiproc_participants', 'Threads that use the package.', [[{}, participants]]),
    gauge('multiproc_participants_limit', 'Upper bound on threads that use the package.', [[{}, slots]]),
    bytes('multiproc_shm_size_bytes', 'Size of /dev/shm.', [[{}, shmBytes]]),
    bytes('multiproc_shm_free_bytes', 'Free part of /dev/shm.', [[{}, shmFreeBytes]]),
    gauge(
      'multiproc_objects',
      'Shared objects, by class.',
      sumByKind(objects, () => 1),
    ),
    bytes(
      'multiproc_memory_bytes',
      'Memory of shared objects, by class.',
      sumByKind(objects, ({ memory }) => memory),
    ),
    gauge('multiproc_objects_omitted', `Objects without series of their own, beyond ${maxObjects}.`, [[{}, omitted]]),
    gauge(
      'multiproc_object_processes',
      'Processes that have the object open.',
      each(({ openers }) => openers.length),
    ),
    bytes(
      'multiproc_object_memory_bytes',
      'Memory that the object takes.',
      each(({ memory }) => memory),
    ),
    gauge('multiproc_waiters', 'Threads that wait for the object.', each(waiting)),
    gauge('multiproc_holders', 'Holders of the lock or of permits.', each(holding)),
    gauge(
      'multiproc_semaphore_free',
      'Free permits.',
      each(({ semaphore }) => semaphore?.value),
    ),
    gauge(
      'multiproc_event_set',
      '1 if the event is set.',
      each(({ event }) => event && Number(event.set)),
    ),
    gauge(
      'multiproc_barrier_arrived',
      'Parties that have arrived.',
      each(({ barrier }) => barrier?.waiting),
    ),
    gauge(
      'multiproc_queue_messages',
      'Messages that wait to be taken.',
      queue(({ length }) => length),
    ),
    counter(
      'multiproc_queue_put',
      'Messages put, modulo 2^32.',
      queue(({ put }) => put),
    ),
    counter(
      'multiproc_queue_taken',
      'Messages taken, modulo 2^32.',
      queue(({ taken }) => taken),
    ),
    gauge(
      'multiproc_queue_waiting_readers',
      'Threads that wait for a message.',
      queue((q) => q.waitingReaders.length),
    ),
    gauge(
      'multiproc_queue_waiting_writers',
      'Threads that wait for room.',
      queue((q) => q.waitingWriters.length),
    ),
    gauge('multiproc_queue_unfinished', 'Messages that are not done.', joinable('unfinished')),
    gauge('multiproc_queue_unacknowledged', 'Messages that consumers have open.', joinable('unacknowledged')),
    gauge('multiproc_queue_delayed', 'Messages that were given back and are not due.', joinable('delayed')),
    gauge('multiproc_queue_dead_letters', 'Dead letters that the queue keeps.', joinable('deadLetters')),
    gauge(
      'multiproc_pool_workers',
      'Upper bound on workers.',
      each(({ pool }) => pool?.workers),
    ),
    gauge(
      'multiproc_pool_busy',
      'Workers that run a task.',
      each(({ pool }) => pool?.busy),
    ),
    gauge(
      'multiproc_map_entries',
      'Entries of the map.',
      map(({ entries }) => entries),
    ),
    bytes(
      'multiproc_map_used_bytes',
      'Memory of the entries.',
      map(({ bytes }) => bytes),
    ),
    bytes(
      'multiproc_map_capacity_bytes',
      'Upper bound on the memory of the entries.',
      map(({ capacity }) => capacity),
    ),
    counter(
      'multiproc_map_hits',
      'Reads that found a value.',
      map(({ hits }) => hits),
    ),
    counter(
      'multiproc_map_misses',
      'Reads that found none.',
      map(({ misses }) => misses),
    ),
    counter(
      'multiproc_map_evictions',
      'Entries that were evicted.',
      map(({ evictions }) => evictions),
    ),
    counter(
      'multiproc_map_expirations',
      'Entries that expired.',
      map(({ expired }) => expired),
    ),
  ];
}

function labelsOf({ name, file, kind }: Inspection): Labels {
  return { name: name ?? `(${file})`, kind };
}

function byWaiters(one: Inspection, other: Inspection): number {
  return (waiting(other) ?? 0) - (waiting(one) ?? 0);
}

function waiting(object: Inspection): number | undefined {
  return object.condition?.waiting ?? waitersOf(object)?.length;
}

function holding(object: Inspection): number | undefined {
  // A plain semaphore does not record its holders.
  return object.semaphore?.robust === false ? undefined : holdersOf(object)?.length;
}

function sumByKind(objects: readonly Inspection[], value: (object: Inspection) => number): Sample[] {
  const sums = new Map<string, number>();
  for (const object of objects) sums.set(object.kind, (sums.get(object.kind) ?? 0) + value(object));
  return [...sums].map(([kind, sum]) => [{ kind }, sum] as const);
}

function gauge(name: string, help: string, samples: Sample[]): Family {
  return { name, type: 'gauge', help, samples };
}

function bytes(name: string, help: string, samples: Sample[]): Family {
  return { name, type: 'gauge', unit: 'bytes', help, samples };
}

function counter(name: string, help: string, samples: Sample[]): Family {
  return { name, type: 'counter', help, samples };
}
