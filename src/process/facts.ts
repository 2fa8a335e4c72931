/** What a child has to know of itself, in a form that can be sent. */
import type { LoggingState } from '../logging.js';
import type { StartMethod } from './launchers/launcher.js';

/** Plain data, made by the creator. */
export interface ChildFacts {
  readonly name: string;
  /** Which child of which child it is: `[2, 1]` is the first child of the second. */
  readonly identity: readonly number[];
  readonly daemon: boolean;
  readonly authkey: Uint8Array;
  /** How it was started, and what it starts others with. */
  readonly method: StartMethod;
  readonly creator: { readonly pid: number; readonly name: string };
  /** `process.argv` without the executable. */
  readonly argv: readonly string[];
  /** The program that all this belongs to, as a URL; `undefined` if it has no file. */
  readonly main: string | undefined;
  readonly logging: LoggingState;
}
