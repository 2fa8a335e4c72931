/** The life of a child: it learns who it is, does its work, answers, and ends when nothing is left to do. */
import './classes.js';
import { inspect } from 'node:util';
import { SystemExit } from '../../errors.js';
import { writeStdioAtOnce } from '../../lifecycle/child-stdio.js';
import { adoptLogging, getLogger } from '../../logging.js';
import { native } from '../../native.js';
import { serialize } from '../../serialize/codec.js';
import { daemonGrace } from '../children.js';
import { claimMessage, type Errand, Outcome, readMessage, writeAnswer } from '../errand.js';
import type { ChildFacts } from '../facts.js';
import { whileLoading } from '../loading.js';
import { markAsChild } from '../main-process.js';
import { ReceivedMessage } from '../message.js';
import { oneself, Process } from '../process.js';
import { becomeChild, self } from '../self.js';
import { inheritStartMethod } from '../start-method.js';
import { findTarget } from '../target.js';

/** A target that can never settle: what Node itself exits with when a top-level await cannot. */
const unsettledCode = 13;

/** For a child that got a message: a spawned one, or one of the fork server. */
export async function runErrand(errand: Errand): Promise<void> {
  const bytes = readMessage(errand);
  if (bytes === undefined) throw new Error('There is no message for this process: it was not started by multiproc');
  const message = new ReceivedMessage(bytes);
  begin(message.facts, errand);
  await perform(errand, async () => {
    const current = await restore(message, errand);
    self.object = current;
    return () => current.run();
  });
}

/** For a child that has the work in its memory: a forked one. */
export async function runInherited(facts: ChildFacts, errand: Errand, work: () => unknown): Promise<void> {
  begin(facts, errand);
  await perform(errand, async () => work);
}

function begin(facts: ChildFacts, errand: Errand): void {
  markAsChild();
  becomeChild(facts, errand);
  inheritStartMethod(facts.method);
  adoptLogging(facts.logging);
  process.argv = [process.argv[0] as string, ...facts.argv];
  writeStdioAtOnce();
  if (facts.daemon) native.tieLifeTo(errand.creator, daemonGrace);
}

/** Loads what the message names, and makes its objects. */
async function restore(message: ReceivedMessage, errand: Errand): Promise<Process> {
  const { target, subclass } = await whileLoading(message.facts.main, async () => {
    const work = await message.load();
    if (work.target !== undefined) await findTarget(work.target);
    return work;
  });
  claimMessage(errand);
  const { args, fields } = message.restore();
  return Object.assign(oneself((subclass ?? Process) as typeof Process, target, args), fields);
}

async function perform(errand: Errand, prepare: () => Promise<() => unknown>): Promise<void> {
  const end = watchEnd();
  try {
    const work = await prepare();
    getLogger().info('child process calling run()');
    const value = await work();
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
    writeAnswer(errand, { outcome, bytes: serialize(value, root) });
  } catch (error) {
    const bytes = serialize(outcome === Outcome.threw ? plainError(value) : error);
    writeAnswer(errand, { outcome: Outcome.threw, bytes });
  }
  native.fdClose(errand.memory);
  native.fdClose(errand.notice);
}

/** Of an error that cannot travel as it is: what people read. */
function plainError(error: unknown): Error {
  const { name, message, stack } = Object(error) as Partial<Error>;
  const plain = new Error(message ?? inspect(error));
  if (name !== undefined) plain.name = name;
  if (stack !== undefined) plain.stack = stack;
  return plain;
}

function exit(errand: Errand, { reason }: SystemExit): never {
  native.fdClose(errand.memory);
  native.fdClose(errand.notice);
  if (reason === undefined || reason === null) process.exit();
  if (typeof reason === 'boolean' || typeof reason === 'number') process.exit(Number(reason) & 0xff);
  write(typeof reason === 'string' ? reason : inspect(reason));
  process.exit(1);
}

/** What a process says at its end, however it comes to it. */
function watchEnd(): { settled: boolean } {
  const end = { settled: false };
  let idle = false;
  process.on('beforeExit', () => {
    idle = true;
  });
  process.on('uncaughtExceptionMonitor', () => {
    if (process.listenerCount('uncaughtException') === 0) write(`Process ${self.name}:`);
  });
  process.on('exit', (code) => {
    if (idle && !end.settled && code === 0) {
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
  try {
    native.writeAll(2, Buffer.from(`${text}\n`));
  } catch {
    // Nobody reads stderr any more.
  }
}
