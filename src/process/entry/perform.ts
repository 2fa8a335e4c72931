/** The work of a child: takes on its identity, runs its target, answers, and ends when nothing is left to do. */
import { inspect } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { SystemExit } from '../../errors.js';
import { writeStdioAtOnce } from '../../lifecycle/child-stdio.js';
import { adoptLogging, getLogger } from '../../logging.js';
import { native } from '../../native.js';
import { serialize } from '../../serialize/codec.js';
import { whileKeptBy } from '../../serialize/keeper.js';
import { writeToStderr } from '../../stderr.js';
import { daemonGrace } from '../children.js';
import { type Errand, leaveErrand, Outcome, writeAnswer } from '../errand.js';
import type { ChildFacts } from '../facts.js';
import { outsideLoading } from '../loading.js';
import { markAsChild } from '../main-process.js';
import { becomeChild, self } from '../self.js';
import { inheritStartMethod } from '../start-method.js';

/** Exit code for a target that can never settle, as Node's own for a top-level await. */
const unsettledCode = 13;

/** Runs a child that has the work in its memory: a forked one. */
export async function runInherited(facts: ChildFacts, errand: Errand, work: () => unknown): Promise<void> {
  beginProcess(facts, errand);
  await perform(errand, async () => work);
}

/** Makes this process the child. */
export function beginProcess(facts: ChildFacts, errand: Errand): void {
  begin(facts, errand);
  writeStdioAtOnce();
  if (facts.daemon) native.tieLifeTo(errand.creator, daemonGrace);
}

/** Makes this thread the child: the part that concerns this package and JavaScript. */
export function begin(facts: ChildFacts, errand: Errand): void {
  markAsChild();
  becomeChild(facts, errand);
  inheritStartMethod(facts.method);
  adoptLogging(facts.logging);
  process.argv = [process.argv[0] as string, ...facts.argv];
}

/** Runs the work that `prepare` returns, answers with its outcome, and ends when nothing is left to do. */
export async function perform(errand: Errand, prepare: () => Promise<() => unknown>): Promise<void> {
  const end = watchEnd();
  try {
    const work = await prepare();
    getLogger().info('child process calling run()');
    const value = await outsideLoading(work);
    end.settled = true;
    answer(errand, Outcome.returned, value, 'result');
  } catch (error) {
    end.settled = true;
    if (error instanceof SystemExit) exit(errand, error);
    answer(errand, Outcome.threw, error, 'the error');
    report(error);
    process.exit(1);
  }
}

function answer(errand: Errand, outcome: Outcome, value: unknown, root: string): void {
  try {
    // This process may end before its creator has read the answer.
    const { value: bytes, keeps } = whileKeptBy(self.creator?.participant ?? 0, () => serialize(value, root));
    writeAnswer(errand, { outcome, bytes, keeps });
  } catch (error) {
    const bytes = serialize(outcome === Outcome.threw ? plainError(value) : error);
    writeAnswer(errand, { outcome: Outcome.threw, bytes, keeps: false });
  }
  leaveErrand(errand);
}

/** Makes a readable error of one that cannot travel. */
function plainError(error: unknown): Error {
  const { name, message, stack } = Object(error) as Partial<Error>;
  const plain = new Error(message ?? inspect(error));
  if (name !== undefined) plain.name = name;
  if (stack !== undefined) plain.stack = stack;
  return plain;
}

function exit(errand: Errand, { reason }: SystemExit): never {
  leaveErrand(errand);
  if (reason === undefined || reason === null) process.exit();
  if (typeof reason === 'boolean' || typeof reason === 'number') process.exit(Number(reason) & 0xff);
  write(typeof reason === 'string' ? reason : inspect(reason));
  process.exit(1);
}

/** Reports the end of this process in every way it can end. */
function watchEnd(): { settled: boolean } {
  const end = { settled: false };
  const { exit } = process;
  let idle = false;
  let asked = false;
  // Distinguishes a requested end from a process that has nothing left to do.
  process.exit = (code) => {
    asked = true;
    return exit.call(process, code);
  };
  process.on('beforeExit', () => {
    idle = true;
  });
  process.on('uncaughtExceptionMonitor', (error) => {
    if (process.listenerCount('uncaughtException') > 0) return;
    // Node itself prints the error that ends a process.
    if (isMainThread) write(`Process ${self.name}:`);
    else report(error);
  });
  process.on('exit', (code) => {
    if (idle && !asked && !end.settled && code === 0) {
      process.exitCode = unsettledCode;
      write(`Process ${self.name}:\nIts target cannot settle any more: nothing is left that could make it`);
    }
    getLogger().info('process shutting down');
    getLogger().info('process exiting with exitcode %d', process.exitCode ?? code);
  });
  return end;
}

function report(error: unknown): void {
  write(`Process ${self.name}:\n${inspect(error)}`);
}

function write(text: string): void {
  writeToStderr(`${text}\n`);
}
