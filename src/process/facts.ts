/** What a child has to know of itself, in a form that can be sent. */
import type { LoggingState } from '../logging.js';
import type { StartMethod } from './launchers/launcher.js';

/** Who makes the child. */
export interface Creator {
  readonly pid: number;
  readonly name: string;
  /** Its participant, who keeps what the child answers; 0 for none. */
  readonly participant: number;
}

/** Plain data, made by the creator. */
export interface ChildFacts {
  readonly name: string;
  /** Which child of which child it is: `[2, 1]` is the first child of the second. */
  readonly identity: readonly number[];
  readonly daemon: boolean;
  readonly authkey: Uint8Array;
  /** How it was started, and what it starts others with; `undefined` where that is still open. */
  readonly method: StartMethod | undefined;
  readonly creator: Creator;
  /** `process.argv` without the executable. */
  readonly argv: readonly string[];
  /** The program that all this belongs to, as a URL; `undefined` if it has no file. */
  readonly main: string | undefined;
  /** The working directory as of `start()`; `undefined` if it is gone. */
  readonly cwd: string | undefined;
  readonly logging: LoggingState;
}
