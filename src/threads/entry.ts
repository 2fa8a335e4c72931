/** Program of the Worker of a thread. */
import '../process/entry/mark.js';
import { workerData } from 'node:worker_threads';
import { routeThreadEnd } from '../lifecycle/child-exit.js';
import { reopenStdin, writeStdioTo } from '../lifecycle/child-stdio.js';
import { native } from '../native.js';
import { runErrand } from '../process/entry/errand.js';
import { begin } from '../process/entry/perform.js';
import type { Errand } from '../process/errand.js';
import type { ChildFacts } from '../process/facts.js';
import { useStdio } from '../process/stdio.js';
import { sendStderrTo } from '../stderr.js';
import { Process } from './process.js';
import { type Setup, setupKey, Word } from './words.js';

const { words, errand, forked, sentinel, stdio } = (workerData as Record<typeof setupKey, Setup>)[setupKey];

native.raiseAtThreadEnd(sentinel);
Atomics.store(words, Word.thread, native.currentThread());
// Its creator does not end a thread by force that has not come here.
if (Atomics.load(words, Word.signal) !== 0) process.exit();
tellExitCode();
if (forked) routeThreadEnd();
void runErrand(errand, beginThread, Process);

function beginThread(facts: ChildFacts, given: Errand): void {
  begin(facts, given);
  const [stdin, stdout, stderr] = stdio;
  reopenStdin(stdin);
  writeStdioTo(stdout, stderr);
  sendStderrTo(stderr);
  useStdio(stdio);
}

/** The code is final after all listeners have run; no other event reports it in time. */
function tellExitCode(): void {
  const { exit } = process;
  process.exit = (code) => {
    // By a listener of 'exit': none of the others is asked any more.
    if ((process as unknown as { _exiting?: boolean })._exiting) say(Number(code ?? process.exitCode ?? 0));
    return exit.call(process, code);
  };
  const emit = process.emit as (event: string | symbol, ...args: unknown[]) => boolean;
  process.emit = function (this: NodeJS.Process, event: string | symbol, ...args: unknown[]): boolean {
    if (event !== 'exit' || !(process as unknown as { _exiting?: boolean })._exiting) {
      return emit.call(this, event, ...args);
    }
    let code = 1;
    try {
      const heard = emit.call(this, event, ...args);
      code = Number(process.exitCode ?? args[0]);
      return heard;
    } finally {
      say(code);
    }
  } as typeof process.emit;
}

function say(code: number): void {
  Atomics.store(words, Word.exit, (code & 0xff) + 1);
}
