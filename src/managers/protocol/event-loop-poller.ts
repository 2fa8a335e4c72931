/**
 * Looking: while answers are due, or more calls are likely, a thread looks for messages in every turn of its event loop, and
 * lets others run meanwhile. An answer within this machine takes less time than to be woken for it.
 */
import { now } from '../../deadline.js';
import { afterForkInChild } from '../../lifecycle/after-fork.js';
import { native } from '../../native.js';
import { setImmediate } from '../../timing.js';

/** Who looks for messages. */
export interface Looker {
  /** The pipe that they come by: its segment, its place there, and the number of the end. */
  readonly pipe: readonly number[];
  /** Takes what is there, and says what to do next: stop looking, or look on at once or by and by. */
  look(): Next;
}

export const Next = { stop: 0, wait: 1, more: 2 } as const;
export type Next = (typeof Next)[keyof typeof Next];

/** How long the event loop's other work waits for a turn of it, in ms. */
const turnMs = 0.05;

const lookers = new Set<Looker>();
/** Their pipes, one after the other; made when they are needed. */
let pipes: Float64Array | undefined;
let scheduled = false;

/** Has it look from the next turn on, until it stops. */
export function lookOut(looker: Looker): void {
  lookers.add(looker);
  pipes = undefined;
  schedule();
}

/** Looks for one of them alone, while the thread is blocked anyway. Whether there is something to take. */
export function lookHere({ pipe }: Looker): boolean {
  return native.pipesLook(Float64Array.from(pipe), now() + turnMs);
}

/** It does not look any more. */
export function lookAway(looker: Looker): void {
  if (lookers.delete(looker)) pipes = undefined;
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(turn);
}

function turn(): void {
  scheduled = false;
  if (!lookOnce() && lookers.size > 0) {
    pipes ??= Float64Array.from([...lookers].flatMap(({ pipe }) => pipe));
    if (native.pipesLook(pipes, now() + turnMs)) lookOnce();
  }
  if (lookers.size > 0) schedule();
}

/** Whether there was anything. */
function lookOnce(): boolean {
  let found = false;
  for (const looker of lookers) {
    const next = looker.look();
    if (next === Next.stop) lookAway(looker);
    else if (next === Next.more) found = true;
  }
  return found;
}

afterForkInChild(() => {
  lookers.clear();
  pipes = undefined;
  scheduled = false;
});
