/** `multiproc why PID`: the waits of a process, the processes that they depend on, and deadlocks among them. */
import { statSync } from 'node:fs';
import { ValueError } from '../errors.js';
import { type ProcessState, processState } from '../observe/process-state.js';
import { titlesOf } from '../observe/titles.js';
import { printableName } from '../printable.js';
import type { Holder } from '../shared/inspect.js';
import { allWaits, lockEvent, type ProcessWait } from '../shared/waits.js';
import type { Report } from './report.js';

/** A process in the report. */
interface Node {
  readonly pid: number;
  readonly title: string | null;
  readonly state: ProcessState;
  readonly waits: readonly ProcessWait[];
}

/** Processes shown on the way from the first one. */
const maxDepth = 20;

/** Pause in ms between two looks: a wait that is just ending may show a new holder. */
const confirmAfter = 100;

/** @throws ValueError unless the argument is a pid of a process of this user */
export function why([text = '']: string[]): Report {
  const pid = Number(text);
  if (!Number.isSafeInteger(pid) || pid < 1) throw new ValueError(`Expected a process id, got '${text}'`);
  if (processState(pid) === 'ended')
    throw new ValueError(`There is no process ${pid}: \`multiproc top\` shows those that take part`);
  if (!isOwn(pid)) {
    throw new ValueError(
      `Process ${pid} belongs to another user, whose shared objects cannot be read: run this as that user`,
    );
  }
  const all = allWaits();
  const nodes = reachable(pid, all);
  const cycle = confirmed(cycleAmong(nodes.keys(), all));
  const data = { pid, deadlock: cycle?.map((wait) => wait.pid) ?? null, processes: [...nodes.values()] };
  return { data, text: `${[...tree(pid, nodes), ...deadlock(cycle)].map(printableName).join('\n')}\n` };
}

function reachable(start: number, all: readonly ProcessWait[]): Map<number, Node> {
  const nodes = new Map<number, Node>();
  const left = [start];
  while (left.length > 0) {
    const pid = left.pop() as number;
    if (nodes.has(pid)) continue;
    const waits = all.filter((wait) => wait.pid === pid);
    const title = titlesOf([{ openers: [pid] }])[pid] ?? null;
    nodes.set(pid, { pid, title, state: processState(pid), waits });
    for (const { by } of waits) for (const each of by) if (each.pid !== null) left.push(each.pid);
  }
  return nodes;
}

/** The first cycle through one of the processes. */
function cycleAmong(pids: Iterable<number>, all: readonly ProcessWait[]): ProcessWait[] | undefined {
  for (const pid of pids) {
    const cycle = cycleFrom(pid, all);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/** The cycle, if it is the same at a second look. */
function confirmed(cycle: ProcessWait[] | undefined): ProcessWait[] | undefined {
  if (cycle === undefined) return undefined;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, confirmAfter);
  const [first] = cycle as [ProcessWait];
  const again = cycleFrom(first.pid, allWaits());
  return again !== undefined && pathOf(again) === pathOf(cycle) ? cycle : undefined;
}

function pathOf(cycle: readonly ProcessWait[]): string {
  return cycle.map(({ pid, file, event }) => `${pid} ${file} ${event}`).join('\n');
}

function isOwn(pid: number): boolean {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === process.geteuid?.();
}

/** The waits of a cycle that begins and ends at the process: each is for an object that the next process holds. */
function cycleFrom(start: number, all: readonly ProcessWait[]): ProcessWait[] | undefined {
  const path: ProcessWait[] = [];
  const seen = new Set<number>();
  const search = (pid: number): boolean => {
    if (seen.has(pid)) return false;
    seen.add(pid);
    for (const wait of all) {
      // A semaphore with several holders needs one of them only.
      if (wait.pid !== pid || wait.on !== 'holders' || wait.by.length !== 1) continue;
      const next = (wait.by[0] as Holder).pid;
      path.push(wait);
      if (next === start || (next !== null && search(next))) return true;
      path.pop();
    }
    return false;
  };
  return search(start) ? path : undefined;
}

function tree(start: number, nodes: ReadonlyMap<number, Node>): string[] {
  const lines: string[] = [];
  const shown = new Set<number>();
  const show = (pid: number, depth: number) => {
    const node = nodes.get(pid);
    const indent = '  '.repeat(depth);
    if (node === undefined) return;
    if (shown.has(pid) || depth > maxDepth) {
      if (node.waits.length > 0) lines.push(`${indent}process ${pid}: see above`);
      return;
    }
    shown.add(pid);
    lines.push(`${indent}process ${pid}${node.title === null ? '' : ` (${node.title})`}${stopped(node.state)}`);
    if (node.waits.length === 0) lines.push(`${indent}  waits for no object of this package`);
    for (const wait of node.waits) {
      lines.push(`${indent}  waits for ${aim(wait)}, ${byWhom(wait)}`);
      for (const { pid: other } of wait.by) if (other !== null && other !== pid) show(other, depth + 2);
    }
  };
  show(start, 0);
  return lines;
}

function aim(wait: ProcessWait): string {
  return wait.event === lockEvent ? objectOf(wait) : `${wait.event} of ${objectOf(wait)}`;
}

function objectOf({ kind, name, file }: ProcessWait): string {
  if (file === null) return 'an object that has no file';
  return `${kind ?? 'an object'} ${name === null ? `(${file})` : `'${name}'`}`;
}

function byWhom({ on, by, pid }: ProcessWait): string {
  const list = by.map((each) => describe(each, pid)).join(', ');
  if (on === 'holders') return by.length === 0 ? 'which is free: it is about to continue' : `held by ${list}`;
  return by.length === 0 ? 'which no other process has open' : `which any of these may end: ${list}`;
}

function describe({ pid, alive }: Holder, self: number): string {
  if (pid === null) return 'a process that has ended';
  const which = pid === self ? `itself (process ${pid})` : `process ${pid}`;
  return alive ? `${which}${stopped(processState(pid))}` : `${which}, which has ended: it is about to continue`;
}

function stopped(state: ProcessState): string {
  return state === 'stopped' ? ', which is stopped (SIGSTOP or a debugger)' : '';
}

function deadlock(cycle: readonly ProcessWait[] | undefined): string[] {
  if (cycle === undefined) return [];
  const steps = cycle.map((wait) => `process ${wait.pid} waits for ${objectOf(wait)}`);
  return ['', `Deadlock: ${steps.join('; ')}, which process ${(cycle[0] as ProcessWait).pid} holds.`];
}
