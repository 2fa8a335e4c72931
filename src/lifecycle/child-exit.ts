/**
 * The end of a forked child: each route into Node's own teardown, which waits for threads that do not exist in the
 * child and hangs or crashes, leads to `_exit` once the 'exit' handlers have run.
 */
import { EventEmitter } from 'node:events';
import { inspect } from 'node:util';
import v8 from 'node:v8';
import { native } from '../native.js';

const uncaughtInHandler = 7;
let routed = false;
let forked = false;
let withoutWrappers = (): void => {};
let emit = process.emit as (event: string | symbol, ...args: unknown[]) => boolean;

/** Whoever had wrapped `process.emit` (to learn of the end, say) is not called any more. After {@link routeExit}. */
export function dropEmitWrappers(): void {
  withoutWrappers();
}

let tell: ((code: number) => void) | undefined;

/** Calls `callback` with the exit code of this forked child right before its end; `undefined` cancels that. */
export function tellExitCode(callback: ((code: number) => void) | undefined): void {
  tell = callback;
}

/** Whether this thread belongs to a forked process. */
export function isForked(): boolean {
  return forked;
}

/**
 * For a Worker of a forked process: at its natural end it would wait for threads that do not exist, too. It ends as by
 * `process.exit()`.
 */
export function routeThreadEnd(): void {
  forked = true;
  // Later ones belong to code that observes calls of it.
  const { exit } = process;
  native.onNaturalEnd((final) => {
    if (final) exit.call(process);
    process.emit('beforeExit', Number(process.exitCode ?? 0));
  });
}

export function routeExit(): void {
  if (routed) return;
  routed = true;
  forked = true;
  (process as unknown as { reallyExit: (code: unknown) => never }).reallyExit = end;
  emit = process.emit as typeof emit;
  let fatal: { error: unknown } | undefined;

  // Node announces all three through `emit`: its natural end and process.exit as 'exit', and an uncaught error first as
  // 'uncaughtException' and, without a listener, then as 'exit'.
  const routedEmit = function (this: NodeJS.Process, event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'uncaughtException') {
      try {
        const handled = emit.call(this, event, ...args);
        if (!handled) fatal = { error: args[0] };
        return handled;
      } catch (error) {
        report(error);
        end(uncaughtInHandler);
      }
    }
    // The flag tells Node's own event from one that a program sends itself.
    if (event !== 'exit' || !isExiting()) return emit.call(this, event, ...args);
    try {
      emit.call(this, event, ...args);
    } catch (error) {
      fatal ??= { error };
      process.exitCode = 1;
    }
    if (fatal !== undefined) report(fatal.error);
    end(process.exitCode ?? args[0]);
  };
  process.emit = routedEmit as typeof process.emit;
  withoutWrappers = () => {
    emit = EventEmitter.prototype.emit;
    process.emit = routedEmit as typeof process.emit;
  };
  native.onNaturalEnd(announceEnd);
}

// Not process.exit(), which tells a program that its top-level await will never settle from one that wants to end.
function announceEnd(final: boolean): void {
  if (!final) {
    process.emit('beforeExit', Number(process.exitCode ?? 0));
    return;
  }
  (process as unknown as { _exiting: boolean })._exiting = true;
  process.emit('exit', Number(process.exitCode ?? 0));
}

function isExiting(): boolean {
  return Boolean((process as unknown as { _exiting?: boolean })._exiting);
}

// As Node prints it, except the line of source.
function report(error: unknown): void {
  const text = error instanceof Error ? inspect(error) : `Uncaught:\n${inspect(error)}`;
  native.writeAll(2, Buffer.from(`${text}\n\nNode.js ${process.version}\n`));
}

function end(code: unknown): never {
  const status = Number(code ?? 0) & 0xff;
  try {
    if (process.env.NODE_V8_COVERAGE) v8.takeCoverage();
    tell?.(status);
  } finally {
    native.exitNow(status);
  }
}
