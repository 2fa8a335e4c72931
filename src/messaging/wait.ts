/** wait: which of several connections, queues, listeners and processes have something to say. */
import { now, parseSyncWait, parseWait, type Wait } from '../deadline.js';
import { onReadable } from '../lifecycle/readiness.js';
import { FdEvents, native } from '../native.js';
import { describe } from '../options/describe.js';
import type { Connection } from './connection.js';
import type { Listener } from './listener.js';
import type { Queue } from './queue.js';
import type { SimpleQueue } from './simple-queue.js';
import { Turns } from './turns.js';
import { type Notice, type Readiness, type Waitable, waitable } from './waitable.js';

/** A connection, a queue, a listener; or a descriptor that becomes readable, such as a process's `sentinel`. */
export type WaitObject = Connection | Listener | Queue<unknown> | SimpleQueue<unknown> | number;

/**
 * Waits until at least one of the objects is ready, without blocking the event loop, and returns all that are: a connection
 * or queue from which receiving would not wait (the end counts), a listener at which a client waits, a process that has
 * ended (by its `sentinel`). Mirrors `multiprocessing.connection.wait`.
 *
 * @returns the ready ones, in their order; none when the time is over
 * @throws TypeError for what cannot be waited for; ClosedError for what is closed, also meanwhile
 * @throws SystemError `EBADF` for a number that is no open descriptor
 */
export async function wait<T extends WaitObject>(objects: Iterable<T>, timeout?: Wait): Promise<T[]> {
  const parsed = parseWait(timeout);
  const entries = readinessOf(objects);
  const turns = new Turns((callback) => noticeOfAny(entries, callback));
  return (await turns.wait(() => readyOnes(entries), parsed)) ?? [];
}

/** As {@link wait}, blocking the thread. */
export function waitSync<T extends WaitObject>(objects: Iterable<T>, timeout?: Wait): T[] {
  const deadline = parseSyncWait(timeout);
  const entries = readinessOf(objects);
  const asleep = entries.map(({ readiness }) => readiness.asleep);
  const descriptors = asleep.filter((one): one is number => typeof one === 'number');
  const targets = asleep.filter((one): one is readonly number[] => typeof one !== 'number');
  const longest = Math.min(...entries.map(({ readiness }) => readiness.longestSleep ?? Infinity));
  const interests = new Int32Array(descriptors.flatMap((descriptor) => [descriptor, FdEvents.readable, 0]));
  for (;;) {
    const ready = readyOnes(entries);
    if (ready !== undefined) return ready;
    const at = now();
    if (deadline <= 0 || at >= deadline) return [];
    const until = Math.min(deadline, at + longest);
    if (targets.length === 0) native.fdPoll(interests, until);
    else native.waitAny(targets, new Int32Array(descriptors), until);
  }
}

interface Entry<T> {
  readonly object: T;
  readonly readiness: Readiness;
}

function readinessOf<T extends WaitObject>(objects: Iterable<T>): Entry<T>[] {
  return [...objects].map((object, index) => {
    if (typeof object === 'number') return { object, readiness: ofDescriptor(object) };
    const other = object as Partial<Waitable> | null;
    if (typeof other?.[waitable] !== 'function') {
      throw new TypeError(`Expected a connection, queue, listener or sentinel at ${index}, got ${describe(object)}`);
    }
    return { object, readiness: other[waitable]() };
  });
}

function ofDescriptor(descriptor: number): Readiness {
  if (!Number.isInteger(descriptor) || descriptor < 0 || descriptor > 0x7fffffff) {
    throw new TypeError(`Expected a descriptor, got ${descriptor}`);
  }
  return {
    ready: () => native.fdPoll(new Int32Array([descriptor, FdEvents.readable, 0]), 0) > 0,
    notice: (callback) => onReadable(descriptor, callback),
    asleep: descriptor,
  };
}

function readyOnes<T>(entries: readonly Entry<T>[]): T[] | undefined {
  const ready = entries.filter(({ readiness }) => readiness.ready());
  return ready.length === 0 ? undefined : ready.map(({ object }) => object);
}

function noticeOfAny(entries: readonly Entry<unknown>[], callback: () => void): Notice {
  const notices: Notice[] = [];
  const cancel = () => {
    for (const notice of notices) notice.cancel();
  };
  const first = () => {
    cancel();
    callback();
  };
  try {
    for (const { readiness } of entries) notices.push(readiness.notice(first));
  } catch (error) {
    cancel();
    throw error;
  }
  return {
    reference: (keep) => {
      for (const notice of notices) notice.reference(keep);
    },
    cancel,
  };
}
