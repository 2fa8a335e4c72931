/** The interface of start methods: each makes a child of a request, at once. */
import type { Errand } from '../errand.js';
import type { ChildFacts } from '../facts.js';
import type { ResourceLimits } from '../resource-limits.js';

/** The start methods. */
export type StartMethod = 'fork' | 'spawn' | 'forkserver';

/** The request for one child. */
export interface LaunchRequest {
  /** Properties of the child. */
  readonly facts: ChildFacts;
  /**
   * The exchange with the child: its work and its answer. Its descriptors are the parent's and stay open for it;
   * launchers give the child duplicates of the three, at any numbers, and the child passes them to `runErrand` in
   * entry/errand.ts.
   */
  readonly errand: Errand;
  /**
   * Runs the child, for a launcher whose child has the parent's memory: the errand holds no message then. Returns when
   * the child has begun; it ends by itself.
   */
  readonly live: () => void;
  /** The working directory as of `start()`. */
  readonly cwd: string;
  /** The whole environment as of `start()`. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether the user gave these options; the others are this process's. */
  readonly given: { readonly env: boolean; readonly execArgv: boolean };
  /** `process.argv` without the executable: the main program's path, if there is one, and its arguments. */
  readonly argv: readonly string[];
  /** Options of node itself, already without those that children do not get. */
  readonly execArgv: readonly string[];
  /** Limits of the child's engine; {@link execArgv} has the flags for them where the launcher does not take them itself. */
  readonly resourceLimits: ResourceLimits;
  /** Descriptors of this process that become the child's stdin, stdout and stderr. */
  readonly stdio: readonly [number, number, number];
}

/** A child that was launched. Its launcher reaps it; all methods may be called again after its end. */
export interface RunningChild {
  readonly pid: number;
  /** `threadId` of a thread. */
  readonly thread?: number;
  /** The executable and its options, for errors, if the child is a node of its own. */
  readonly command?: string;
  /** A descriptor that becomes readable once the child has ended, and stays so: a pidfd. Closed by `close()`. */
  readonly sentinel: number;
  /**
   * Returns how the child ended, without waiting: its exit code (255 if it cannot be learned any more), or −signal;
   * `null` while it runs.
   */
  poll(): number | null;
  /** Blocks the thread until the child has ended or the deadline has passed, and returns the result of `poll`. */
  waitSync(deadline: number): number | null;
  /** Calls back once when `poll()` may return an end, never before this returns. Does not keep the loop alive. */
  onEnd(callback: () => void): EndWatch;
  /** Sends a signal; after the end this does nothing. */
  signal(number: number): void;
  /** Closes what the parent has open for the child. Idempotent. */
  close(): void;
}

/** A pending {@link RunningChild.onEnd}. */
export interface EndWatch {
  /** Whether the watch keeps the event loop alive. */
  reference(keep: boolean): void;
  cancel(): void;
}

/** One way to make children. */
export interface Launcher {
  /** Whether the child needs a message, or has the work in its memory. */
  readonly needsMessage: boolean;
  /** Whether it sets resource limits itself, without flags of node. */
  readonly takesLimits?: boolean;
  /** Why no child can be launched this way by this program; `undefined` if one can. */
  unavailable(): string | undefined;
  /**
   * Launches a child and returns with its pid known.
   *
   * @throws SystemError if the child cannot be made: then there is none
   */
  launch(request: LaunchRequest): RunningChild;
  /** Prepares for the first child. */
  warmUp?(): Promise<void>;
}

/** One start method. */
export interface MethodLauncher extends Launcher {
  readonly method: StartMethod;
}
