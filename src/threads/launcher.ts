/** The launcher of threads: a Worker that does what a child process does, and is seen by the same means. */
import { readdirSync } from 'node:fs';
import { inspect } from 'node:util';
import { Worker, type ResourceLimits as WorkerLimits } from 'node:worker_threads';
import { isForked } from '../lifecycle/child-exit.js';
import { native } from '../native.js';
import type { Launcher, LaunchRequest, RunningChild } from '../process/launchers/launcher.js';
import type { ResourceLimits } from '../process/resource-limits.js';
import { writeToStderr } from '../stderr.js';
import { RunningThread } from './running-thread.js';
import { type Setup, setupKey, Word, wordCount } from './words.js';

const entry = new URL('./entry.js', import.meta.url);

/** For a program that is a text: Node refuses to run files where `--input-type` says what kind of text it is. */
const entryAsText = new URL(`data:text/javascript,${encodeURIComponent(`import ${JSON.stringify(entry.href)}`)}`);

export const threadLauncher: Launcher = {
  needsMessage: true,
  takesLimits: true,

  unavailable: () => undefined,

  launch({ facts, env, execArgv, given, errand, stdio, resourceLimits }: LaunchRequest): RunningChild {
    const opened: number[] = [];
    const keep = (fd: number) => {
      native.fdOwn(fd);
      opened.push(fd);
      return fd;
    };
    try {
      const sentinel = keep(native.noticeFile());
      // The creator may close its own as soon as the thread is started.
      const own = stdio.map((fd) => (fd <= 2 ? fd : keep(native.fdCopy(fd))));
      const setup: Setup = {
        words: new Int32Array(new SharedArrayBuffer(wordCount * Int32Array.BYTES_PER_ELEMENT)),
        errand: { ...errand, shared: true },
        sentinel,
        forked: isForked(),
        stdio: own as unknown as Setup['stdio'],
      };
      const before = threads();
      const worker = new Worker(isText() ? entryAsText : entry, {
        name: facts.name,
        workerData: { [setupKey]: setup },
        // Node does not check again what it takes over from this thread.
        ...(given.env ? { env } : {}),
        ...(given.execArgv ? { execArgv: [...execArgv] } : {}),
        resourceLimits: definedOf(resourceLimits),
      });
      const added = threads().filter((thread) => !before.includes(thread));
      // Its creator waits for its end by other means.
      worker.unref();
      worker.on('error', (error: NodeJS.ErrnoException) => {
        // The thread has reported failures of its own code itself.
        const begun = Atomics.load(setup.words, Word.thread) !== 0;
        if (!begun || error?.code?.startsWith('ERR_WORKER_')) {
          writeToStderr(`Process ${facts.name}:\n${inspect(error)}\n`);
        }
      });
      return new RunningThread(worker, setup, opened, added);
    } catch (error) {
      for (const fd of opened) native.fdClose(fd);
      throw error;
    }
  },
};

// With exact optional properties Node's type has no `undefined`.
function definedOf(limits: ResourceLimits): WorkerLimits {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

function isText(): boolean {
  return [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)].some((option) =>
    option.replaceAll('_', '-').startsWith('--input-type'),
  );
}

function threads(): number[] {
  return readdirSync('/proc/self/task').map(Number);
}
