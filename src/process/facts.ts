/** The properties of a child, in a form that can be sent. */
import type { LoggingState } from '../logging.js';
import type { StartMethod } from './launchers/launcher.js';

/** The creator of the child. */
export interface Creator {
  readonly pid: number;
  readonly name: string;
  /** Its participant, which keeps shared objects of the answer; 0 for none. */
  readonly participant: number;
}

/** Plain data, made by the creator. */
export interface ChildFacts {
  readonly name: string;
  /** Its position in the tree of children: `[2, 1]` is the first child of the second. */
  readonly identity: readonly number[];
  readonly daemon: boolean;
  readonly authkey: Uint8Array;
  /** Its start method, also for its own children; `undefined` while that is open. */
  readonly method: StartMethod | undefined;
  readonly creator: Creator;
  /** `process.argv` without the executable. */
  readonly argv: readonly string[];
  /** The main program, as a URL; `undefined` if it has no file. */
  readonly main: string | undefined;
  /** The working directory as of `start()`; `undefined` if it is gone. */
  readonly cwd: string | undefined;
  readonly logging: LoggingState;
}
