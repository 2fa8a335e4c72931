/** `multiproc top`: the shared objects of this user, shown repeatedly until the user quits. */
import type { ReadStream } from 'node:tty';
import { MultiprocError } from '../errors.js';
import { holdersOf, takeSnapshot, waitersOf } from '../observe/snapshot.js';
import { type Titles, titlesOf } from '../observe/titles.js';
import { printableJson } from '../printable.js';
import type { Holder, Inspection } from '../shared/inspect.js';
import type { JoinableQueueInfo, QueueInfo } from '../shared/queue-info.js';
import { clearTimeout, setTimeout, wallClock } from '../timing.js';
import { hitRate } from './inspect.js';
import { processTable } from './processes.js';
import { bytes, table } from './table.js';

/** One sample; with `--json` each is a line. */
export interface Look {
  /** In milliseconds since 1970. */
  readonly time: number;
  /** Threads that use the package now, and how many there can be. */
  readonly participants: number;
  readonly slots: number;
  /** Of /dev/shm, in bytes. */
  readonly freeBytes: number;
  readonly objects: readonly Inspection[];
  /** Titles of the processes that have these objects open. */
  readonly titles: Titles;
}

export interface TopOptions {
  readonly prefix: string | undefined;
  readonly json: boolean;
  /** Milliseconds from one look to the next. */
  readonly interval: number;
}

const enterScreen = '\x1b[?1049h\x1b[?25l';
const leaveScreen = '\x1b[?25h\x1b[?1049l';

/**
 * Shows a sample every `interval` ms: on a terminal in place, else one after the other. Ends at `q`, Ctrl-C, SIGINT or
 * SIGTERM, when the input ends, and when the output is closed.
 */
export async function top({ prefix, json, interval }: TopOptions): Promise<number> {
  const { stdin, stdout } = process;
  const onScreen = stdout.isTTY && !json;
  const stopped = new AbortController();
  const stop = () => stopped.abort();

  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    stop();
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  const releaseInput = watchInput(stdin as ReadStream, stop);
  if (onScreen) stdout.write(enterScreen);
  try {
    while (!stopped.signal.aborted) {
      const text = oneLook(prefix, json);
      const flowing = stdout.write(onScreen ? paint(text, stdout.rows || 24, stdout.columns || 80) : text);
      // A reader that does not keep up gets fewer looks, not older ones.
      if (!flowing) await until((done) => onceOf(stdout, ['drain', 'close'], done), stopped.signal);
      await until((done) => onTime(interval, done), stopped.signal);
    }
  } finally {
    releaseInput();
    if (onScreen) stdout.write(leaveScreen);
  }
  return 0;
}

/** A look as text. One that fails says why in its place: the next may succeed. */
function oneLook(prefix: string | undefined, json: boolean): string {
  try {
    const seen = look(prefix);
    return json ? `${printableJson(seen)}\n` : show(seen);
  } catch (error) {
    if (!(error instanceof MultiprocError)) throw error;
    const { code, message } = error;
    return json ? `${printableJson({ time: wallClock(), error: { code, message } })}\n` : `multiproc top: ${message}\n`;
  }
}

/** Looks once. */
function look(prefix: string | undefined): Look {
  const { time, participants, slots, shmFreeBytes: freeBytes, objects } = takeSnapshot(prefix);
  return { time, participants, slots, freeBytes, objects, titles: titlesOf(objects) };
}

function show({ time, participants, slots, freeBytes, objects, titles }: Look): string {
  const used = objects.reduce((sum, { memory }) => sum + memory, 0);
  const clock = new Date(time).toISOString().slice(11, 19);
  const head =
    `multiproc top ${clock}  ${objects.length} objects, ${bytes(used)}; ${bytes(freeBytes)} free; ` +
    `participants ${participants} of ${slots}\n\n`;
  const rows = objects.map((each) => [
    each.name ?? `(${each.file})`,
    each.kind,
    bytes(each.memory),
    each.openers.length === 0 ? '-' : each.openers.join(' '),
    holders(each),
    waiters(each),
    depth(each),
  ]);
  const shown = table(['NAME', 'KIND', 'MEMORY', 'PIDS', 'HELD BY', 'WAITING', 'STATE'], rows);
  return head + shown + processTable(titles);
}

function holders(object: Inspection): string {
  const { queue } = object;
  if (queue !== undefined) {
    const open = 'consumers' in queue ? queue.consumers : [];
    return open.map((each) => `${who(each)}:${each.messages}`).join(' ') || '-';
  }
  return holdersOf(object)?.map(who).join(' ') || '-';
}

function who({ pid, alive }: Holder): string {
  return `${pid ?? '?'}${alive ? '' : ' (dead)'}`;
}

function waiters(object: Inspection): string {
  const { condition } = object;
  if (condition !== undefined) return condition.waiting === 0 ? '-' : `${condition.waiting} tasks`;
  return waitersOf(object)?.join(' ') || '-';
}

/** Figures that are particular to the kind: content, free permits. */
function depth({ lock, semaphore, event, barrier, pool, queue, map, length }: Inspection): string {
  if (pool) return `${pool.busy} of ${pool.workers} workers busy`;
  if (semaphore) return `${semaphore.value} free`;
  if (event) return event.set ? 'set' : 'clear';
  if (barrier) return barrier.broken ? 'broken' : `${barrier.waiting} of ${barrier.parties}`;
  if (queue) return messages(queue);
  if (map)
    return `${map.entries} entries, ${bytes(map.bytes)}${map.points === null ? `, hit rate ${hitRate(map)}` : ''}`;
  if (lock?.ownerDied) return 'owner died';
  if (lock !== undefined && lock.depth > 1) return `depth ${lock.depth}`;
  return length === undefined ? '' : `${length} elements`;
}

function messages(queue: QueueInfo | JoinableQueueInfo): string {
  const parts = [`${queue.length} messages`];
  if ('unacknowledged' in queue) {
    if (queue.unacknowledged > 0) parts.push(`${queue.unacknowledged} unacked`);
    if (queue.delayed > 0) parts.push(`${queue.delayed} delayed`);
    if (queue.deadLetters > 0) parts.push(`${queue.deadLetters} dead`);
  }
  if (queue.ended) parts.push('ended');
  return parts.join(', ');
}

/** The text in the place of what was there, cut to the screen. */
function paint(text: string, rows: number, columns: number): string {
  const lines = text.trimEnd().split('\n');
  const hidden = lines.length - (rows - 1);
  const shown = hidden > 0 ? [...lines.slice(0, rows - 2), `… ${hidden + 1} more`] : lines;
  return `\x1b[H${shown.map((line) => `${line.slice(0, columns)}\x1b[K\n`).join('')}\x1b[J`;
}

/** Returns what undoes it. */
function watchInput(stdin: ReadStream, stop: () => void): () => void {
  const raw = stdin.isTTY === true;
  if (raw) stdin.setRawMode(true);
  const onData = (data: Buffer) => {
    // Raw input has no signals: 3 is Ctrl-C, 4 is Ctrl-D.
    if (data.includes('q') || data.includes(3) || data.includes(4)) stop();
  };
  stdin.on('data', onData).on('end', stop).on('error', stop);
  return () => {
    stdin.off('data', onData).pause();
    if (raw) stdin.setRawMode(false);
    stdin.unref?.();
  };
}

/** Waits for what `arm` arms, which returns its own undo, or for the end. */
function until(arm: (done: () => void) => () => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      disarm();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const disarm = arm(done);
    signal.addEventListener('abort', done);
  });
}

function onTime(ms: number, done: () => void): () => void {
  const timer = setTimeout(done, ms);
  return () => clearTimeout(timer);
}

function onceOf(emitter: NodeJS.EventEmitter, events: string[], done: () => void): () => void {
  for (const event of events) emitter.on(event, done);
  return () => {
    for (const event of events) emitter.off(event, done);
  };
}
