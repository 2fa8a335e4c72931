/**
 * Progress of a starting process, judged by the kernel's accounting. A slow machine makes a start long, but not idle: a
 * bound on idle time ends a start that waits for an event which never comes, and no other.
 */
import { now } from '../deadline.js';
import { procStat } from './proc-stat.js';

/**
 * Upper bound in ms on the idle time of a start: longer than modules usually wait for a file or a server at their top
 * level.
 */
const idlePatience = 4000;

/** The same bound where the permission model hides /proc. */
const blindPatience = 20_000;

/** Upper bound in ms on a start. */
const startPatience = 120_000;

/** Interval of polls, in ms. */
export const lookInterval = 100;

/** Processor time that counts as work, in clock ticks of 10 ms: more than timers in the background use. */
const workTicks = 5;

/** The kernel's figures for one process. */
interface Account {
  /** Whether it runs, or waits for a processor or a disk. */
  readonly active: boolean;
  /** Processor time of all its threads, in clock ticks. */
  readonly ticks: number;
}

export class Progress {
  readonly #pid: number;
  readonly #deadline = now() + startPatience;
  #lookedAt = now();
  /** Idle time since the last sign of work, in ms. */
  #idle = 0;
  #ticks = 0;
  #blind = false;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Polls, and returns why the wait for the process should end; `undefined` if it should not. */
  verdict(): string | undefined {
    const time = now();
    // While this process itself was stopped, or got no processor, it observed nothing.
    const passed = Math.min(time - this.#lookedAt, 2 * lookInterval);
    this.#lookedAt = time;
    const account = accountOf(this.#pid);
    this.#blind = account === undefined;
    if (account !== undefined && (account.active || account.ticks >= this.#ticks + workTicks)) {
      this.#idle = 0;
      this.#ticks = account.ticks;
    } else {
      this.#idle += passed;
    }
    const patience = this.#blind ? blindPatience : idlePatience;
    if (this.#idle >= patience) return `it has been waiting for ${patience / 1000} s without doing anything`;
    return time >= this.#deadline ? `it was still busy after ${startPatience / 1000} s` : undefined;
  }
}

function accountOf(pid: number): Account | undefined {
  const stat = procStat(pid);
  return stat && { active: /[RD]/.test(stat.state), ticks: stat.ticks };
}
