/**
 * Node's own queues: ticks, timers, immediates, unhandled rejections. A forked child inherits their content, and only
 * the closures of Node's functions refer to them; the inspector reads those. The inspector and node:crypto are loaded
 * on demand: this file is part of every program, and their state would have to be renewed in every child.
 */
import { executionAsyncId } from 'node:async_hooks';
import { inspecting } from '../../lifecycle/inspecting.js';
import { clearTimeout, setTimeout } from '../../timing.js';

/** The parts of Node's queues that a forked child resets, under Node's names. */
export interface EngineQueues {
  readonly ticks: { shift(): unknown };
  readonly tickInfo: Uint8Array;
  readonly runMicrotasks: () => void;
  readonly unhandled: Map<unknown, unknown>;
  readonly handledLate: { shift(): unknown };
  readonly timerLists: { peek(): TimerList | null | undefined; shift(): unknown };
  readonly timerListsByDuration: Record<number, TimerList>;
  /** Number of timers that keep the loop alive. */
  readonly timerCount: Int32Array;
  readonly releaseTimer: () => void;
  readonly immediates: ImmediateList;
  /** Immediates left in the current round; only if {@link engineQueues} was called within it. */
  outstanding: readonly ImmediateList[];
  readonly immediateInfo: Uint32Array;
  readonly binding: { toggleImmediateRef(keep: boolean): void; scheduleTimer(ms: number): void };
  readonly clearAsyncIdStack: () => void;
  /** State of async_hooks while a hook runs. */
  readonly activeHooks: { call_depth: number };
  /** Random bytes that node:crypto has drawn ahead. */
  readonly randomCaches: readonly Uint8Array[];
}

/** Immediates, the first to the last. */
export interface ImmediateList {
  head: unknown;
  tail: unknown;
}

/** Timers of one duration, in a ring that begins and ends here. */
export interface TimerList {
  readonly msecs: number;
  _idleNext: NodeJS.Timeout & { _idleNext: unknown };
}

type Closure = Record<string, unknown>;

let found: EngineQueues | string | undefined;

/** Set while Node runs immediates. */
const hasOutstanding = 2;

/**
 * Returns the queues, or a text that says how they differ from those that this package supports. Reads them once per
 * process: that takes milliseconds.
 */
export function engineQueues(): EngineQueues | string {
  found ??= find();
  if (typeof found === 'object' && found.outstanding.length === 0 && found.immediateInfo[hasOutstanding]) {
    const { immediates } = found;
    const lists = inspecting((inspector) => inspector.likes(Object.getPrototypeOf(immediates))) as ImmediateList[];
    if (lists.length < 2) return 'outstandingQueue: not there';
    found.outstanding = lists;
  }
  return found;
}

function find(): EngineQueues | string {
  const { _tickCallback, _fatalException } = process as unknown as Record<string, unknown>;
  const timer = setTimeout(() => {}, 1);
  const { refresh } = Object.getPrototypeOf(timer) as { refresh: unknown };
  clearTimeout(timer);
  try {
    const [tasks, timers, errors] = closuresOf([_tickCallback, refresh, _fatalException]) as [
      Closure,
      Closure,
      Closure,
    ];
    const { randomInt, randomUUID } = process.getBuiltinModule('node:crypto');
    // Fills the cache.
    randomUUID();
    const [promises, hooks, random] = closuresOf([tasks.processPromiseRejections, executionAsyncId, randomInt]) as [
      Closure,
      Closure,
      Closure,
    ];
    const queues = {
      ticks: tasks.queue,
      tickInfo: tasks.tickInfo,
      runMicrotasks: tasks.runMicrotasks,
      unhandled: promises.pendingUnhandledRejections,
      handledLate: promises.asyncHandledRejections,
      timerLists: timers.timerListQueue,
      timerListsByDuration: timers.timerListMap,
      timerCount: timers.timeoutInfo,
      releaseTimer: timers.decRefCount,
      immediates: timers.immediateQueue,
      outstanding: [],
      immediateInfo: timers.immediateInfo,
      binding: timers.binding,
      clearAsyncIdStack: errors.clearAsyncIdStack,
      activeHooks: hooks.active_hooks,
      randomCaches: [random.randomCache, random.uuidData],
    };
    const missing = Object.entries(queues).find(([, value]) => [value].flat().some((one) => one === undefined));
    if (missing !== undefined) return `${missing[0]}: not there`;
    return queues as unknown as EngineQueues;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The variables that each function closes over, as far as any function does. */
function closuresOf(functions: readonly unknown[]): Closure[] {
  return inspecting((inspector) => functions.map((fn) => inspector.variables(inspector.scopesOf(fn)[0])));
}
