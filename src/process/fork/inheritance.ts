/**
 * State of the parent's program that a forked child must not run: queued callbacks, handles and requests of the event
 * loop, listeners of the process. All of it is dropped without notifying any listener.
 */
import { dropEmitWrappers } from '../../lifecycle/child-exit.js';
import { terminalDescriptors } from '../../lifecycle/child-stdio.js';
import { native } from '../../native.js';
import { clearTimeout } from '../../timing.js';
import type { EngineQueues } from './engine-queues.js';

/** Empties Node's queues. The microtasks are not among them. */
export function dropQueues(queues: EngineQueues): void {
  empty(queues.ticks);
  queues.tickInfo.fill(0);
  queues.unhandled.clear();
  empty(queues.handledLate);
  dropTimers(queues);
  dropImmediates(queues);
}

function empty(queue: { shift(): unknown }): void {
  while (queue.shift() != null);
}

/** Makes Node look up its next timer: it caches a time that is gone, and would not wake for a later one. */
export function renewTimers({ binding }: EngineQueues): void {
  binding.scheduleTimer(1);
}

// The list of a running timer stays in the queue unless its round is ended.
function dropTimers({ timerLists, timerListsByDuration, timerCount, releaseTimer }: EngineQueues): void {
  for (let list = timerLists.peek(); list != null; list = timerLists.peek()) {
    for (let timer = list._idleNext; (timer as unknown) !== list; timer = list._idleNext) clearTimeout(timer);
    if (timerLists.peek() !== list) continue;
    timerLists.shift();
    delete timerListsByDuration[list.msecs];
  }
  while ((timerCount[0] as number) > 0) releaseTimer();
  native.stopTimers();
}

function dropImmediates({ immediates, outstanding, immediateInfo, binding }: EngineQueues): void {
  for (const list of [immediates, ...outstanding]) {
    list.head = null;
    list.tail = null;
  }
  immediateInfo.fill(0);
  binding.toggleImmediateRef(false);
}

interface Wrap {
  close?(): void;
  hasRef?(): boolean;
}

type Owner = Wrap & { _handle?: Wrap | null; emit?: unknown };

/** Closes handles that lead out of the process, in this process only: their descriptors are detached first. */
export function dropHandles(): void {
  const { _getActiveHandles, _getActiveRequests } = process as unknown as {
    _getActiveHandles(): Owner[];
    _getActiveRequests(): Record<string, unknown>[];
  };
  native.disconnectHandles(Int32Array.from(terminalDescriptors()));
  native.dropPoolWork();
  // Closing cancels writes and connects, which would call their callbacks.
  for (const request of _getActiveRequests.call(process)) {
    request.oncomplete = ignore;
    request.callback = ignore;
  }
  native.revealHandles();
  for (const owner of _getActiveHandles.call(process)) silence(owner);
}

function ignore(): void {}

function silence(owner: Owner): void {
  // The standard streams are reset separately.
  if ((owner as unknown) === process.stdout || (owner as unknown) === process.stderr) return;
  if (typeof owner.emit === 'function') Object.defineProperty(owner, 'emit', { value: () => false });
  const wrap = owner._handle ?? owner;
  if (typeof wrap.close !== 'function' || typeof wrap.hasRef !== 'function') return;
  for (const event of ['onread', 'onconnection', 'onchange', 'onexit', 'onmessage']) {
    if (event in wrap) (wrap as Record<string, unknown>)[event] = ignore;
  }
  wrap.close();
}

/** Events of `process` whose listeners are the parent's. Signals are not among them: as in Python, handlers stay. */
const parentsEvents = [
  'beforeExit',
  'disconnect',
  'exit',
  'message',
  'multipleResolves',
  'rejectionHandled',
  'uncaughtException',
  'uncaughtExceptionMonitor',
  'unhandledRejection',
  'worker',
];

/** Removes the parent's listeners for the child's end and errors. */
export function dropListeners(): void {
  dropEmitWrappers();
  for (const event of parentsEvents) process.removeAllListeners(event);
  if (process.hasUncaughtExceptionCaptureCallback()) process.setUncaughtExceptionCaptureCallback(null);
}
