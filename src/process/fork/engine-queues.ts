/**
 * Node's own queues of what is to run: ticks, timers, immediates, unhandled rejections. A forked child inherits them full,
 * and nothing but the closures of Node's functions leads to them; the inspector opens these.
 */
import { executionAsyncId } from 'node:async_hooks';
import { randomInt, randomUUID } from 'node:crypto';
import { Session } from 'node:inspector';
import { setTimeout } from 'node:timers';

/** What is needed of Node's queues, under Node's names. */
export interface EngineQueues {
  readonly ticks: { shift(): unknown };
  readonly tickInfo: Uint8Array;
  readonly runMicrotasks: () => void;
  readonly unhandled: Map<unknown, unknown>;
  readonly handledLate: { shift(): unknown };
  readonly timerLists: { peek(): TimerList | null | undefined; shift(): unknown };
  readonly timerListsByDuration: Record<number, TimerList>;
  /** How many timers keep the loop going. */
  readonly timerCount: Int32Array;
  readonly releaseTimer: () => void;
  readonly immediates: { head: unknown; tail: unknown };
  readonly immediateInfo: Uint32Array;
  readonly binding: { toggleImmediateRef(keep: boolean): void; scheduleTimer(ms: number): void };
  readonly clearAsyncIdStack: () => void;
  /** What async_hooks remembers while a hook runs. */
  readonly activeHooks: { call_depth: number };
  /** What node:crypto has drawn ahead. */
  readonly randomCaches: readonly Uint8Array[];
}

/** Timers of one duration, in a ring that begins and ends here. */
export interface TimerList {
  readonly msecs: number;
  _idleNext: NodeJS.Timeout & { _idleNext: unknown };
}

type Closure = Record<string, unknown>;

let found: EngineQueues | string | undefined;

/** The queues, or what about them is not as this package knows it. Looks once in a process's life: it takes milliseconds. */
export function engineQueues(): EngineQueues | string {
  found ??= find();
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
    // Has it made.
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

const box = Symbol.for('multiproc.closures');
const holder = globalThis as unknown as Record<symbol, unknown>;

/** The variables that each function closes over, as far as any function does. */
function closuresOf(functions: readonly unknown[]): Closure[] {
  const session = new Session();
  session.connect();
  try {
    return functions.map((fn) => {
      holder[box] = fn;
      const { result } = ask(session, 'Runtime.evaluate', {
        expression: `globalThis[Symbol.for('multiproc.closures')]`,
      });
      const { internalProperties } = properties(session, result);
      const scopes = internalProperties?.find(({ name }) => name === '[[Scopes]]')?.value;
      const innermost = properties(session, scopes).result.find(({ name }) => name === '0')?.value;
      ask(session, 'Runtime.callFunctionOn', {
        objectId: innermost?.objectId,
        functionDeclaration: `function () { globalThis[Symbol.for('multiproc.closures')] = this.object; }`,
      });
      return holder[box] as Closure;
    });
  } finally {
    delete holder[box];
    session.disconnect();
  }
}

interface RemoteObject {
  objectId?: string;
}

interface Properties {
  result: { name: string; value?: RemoteObject }[];
  internalProperties?: { name: string; value?: RemoteObject }[];
}

function properties(session: Session, object: RemoteObject | undefined): Properties {
  return ask(session, 'Runtime.getProperties', {
    objectId: object?.objectId,
    ownProperties: true,
  }) as unknown as Properties;
}

// A session with its own process answers before `post` returns.
function ask(session: Session, method: string, parameters: object): { result: RemoteObject } & Record<string, unknown> {
  let answer: { error: Error | null; result: unknown } | undefined;
  session.post(method, parameters, (error, result) => {
    answer = { error, result };
  });
  if (answer === undefined) throw new Error(`the inspector does not answer to ${method}`);
  if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
  return answer.result as { result: RemoteObject } & Record<string, unknown>;
}
