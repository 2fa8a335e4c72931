/** A fork server that this process starts: its program, its descriptors, and its end. */
import { fstatSync, readSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { now } from '../../deadline.js';
import { SystemError } from '../../errors.js';
import { afterForkInChild } from '../../lifecycle/after-fork.js';
import { onReadable, type ReadinessWait } from '../../lifecycle/readiness.js';
import { flagsForForking } from '../../lifecycle/single-threaded.js';
import { getLogger } from '../../logging.js';
import { FdEvents, native } from '../../native.js';
import { describeEnd, executable, lastLines } from '../executable.js';
import { nullDevice } from '../null-device.js';
import { Progress } from '../progress.js';
import { startNode } from '../start-node.js';
import { titleOf } from '../title.js';
import { startDirectory, workingDirectory } from '../working-directory.js';
import type { Hello } from './protocol.js';

const program = fileURLToPath(new URL('./main.js', import.meta.url));
/**
 * V8's memory reducer plans a collection 8 s after the server's last one. The server does not run the event loop in which
 * that timer would fire, so each child would inherit it and collect a whole heap as soon as its own loop runs.
 */
const flags = ['--no-flush-bytecode', '--no-lazy', '--no-memory-reducer'];

/** The first module that the server's node runs, from where `program` is. */
const firstModule = resolve(dirname(program), '../../../commonjs/threads-at-start.cjs');

/** How long a server that has closed its channel may take to end, in ms. */
const endPatience = 2000;

export class ServerProcess {
  /** This process's end of the socket for requests. */
  readonly requests: number;
  /** This process's end of the channel for the server's hello and answer. */
  readonly control: number;
  readonly progress: Progress;
  readonly #pid: number;
  readonly #executable = executable();
  /** A file with node's stderr before the server's program runs, if requested. */
  #stderr: number | undefined;
  /** A pidfd, until the server is reaped. */
  #pidfd: number | undefined;
  #exitCode: number | undefined;
  #watch: ReadinessWait | undefined;

  /**
   * @param keepsStderr - keeps node's stderr before the server's program runs, for {@link obituary}
   * @throws ProcessError if the executable is not a node
   * @throws SystemError if no further process can be made
   */
  constructor({ argv, env, execArgv }: Hello, keepsStderr: boolean) {
    const mine: number[] = [];
    const theirs: number[] = [];
    const makePair = (isPackets: boolean) => {
      const [own, other] = native.channelPair(isPackets);
      mine.push(own);
      theirs.push(other);
    };
    // Another Node may lack the other flags.
    const forking = this.#executable === process.execPath ? flagsForForking : ['--single-threaded'];
    try {
      makePair(true);
      makePair(false);
      theirs.push(native.processFile(native.currentPid()));
      if (keepsStderr) {
        this.#stderr = native.memoryFile('multiproc:stderr');
        native.fdOwn(this.#stderr);
      }
      this.#pid = startNode({
        program,
        // The title reserves the room for those of children.
        options: [`--title=${titleOf('fork server')}`, ...flags, ...forking],
        execArgv,
        args: argv.slice(1),
        env: { ...env, ...firstOf(env.NODE_OPTIONS) },
        directory: startDirectory ?? workingDirectory(),
        // In the order of `inherited`.
        descriptors: [nullDevice(), 1, this.#stderr ?? 2, ...theirs, 2],
      });
    } catch (error) {
      native.closeDescriptors(mine);
      this.#closeStderr();
      throw error;
    } finally {
      native.closeDescriptors(theirs);
    }
    const [requests, control] = mine as [number, number];
    this.requests = requests;
    this.control = control;
    this.progress = new Progress(this.#pid);
    // The end of this thread, too, leaves the server without users: then it ends.
    native.fdOwn(requests);
    native.fdOwn(control);
    native.childOwn(this.#pid);
    try {
      this.#pidfd = native.processFile(this.#pid);
      native.fdOwn(this.#pidfd);
      this.#awaitEnd();
    } catch (error) {
      this.#abandon();
      throw error;
    }
    // In such a child, the server is a sibling.
    afterForkInChild(() => this.#forget());
    getLogger().info('started the fork server, process %d', this.#pid);
  }

  kill(): void {
    if (this.#pidfd !== undefined) native.signalProcess(this.#pidfd, constants.signals.SIGKILL);
  }

  /** Waits for a server that is ending, and returns how it ended and its last output. */
  obituary(): string {
    if (this.#pidfd !== undefined) {
      const ended = native.fdPoll(Int32Array.of(this.#pidfd, FdEvents.readable, 0), now() + endPatience) === 1;
      if (ended && this.#isReaped()) this.#forget();
    }
    const how = this.#exitCode === undefined ? 'how it ended is unknown' : describeEnd(this.#exitCode);
    const text = lastLines(this.earlyStderr());
    return `${this.#executable}: ${how}${text === '' ? '' : `, and its stderr ends with:\n${text}`}`;
  }

  /** Returns node's stderr before the server's program ran, if requested. */
  earlyStderr(): string {
    if (this.#stderr === undefined) return '';
    const bytes = Buffer.alloc(fstatSync(this.#stderr).size);
    readSync(this.#stderr, bytes, 0, bytes.length, 0);
    return bytes.toString();
  }

  /** Closes the descriptors of its start. */
  started(): void {
    native.fdClose(this.control);
    this.#closeStderr();
  }

  #closeStderr(): void {
    if (this.#stderr !== undefined) native.fdClose(this.#stderr);
    this.#stderr = undefined;
  }

  // Its end could not be observed.
  #abandon(): void {
    process.kill(this.#pid, 'SIGKILL');
    native.waitChild(this.#pid, false);
    this.#forget();
    native.fdClose(this.requests);
    this.started();
  }

  #awaitEnd(): void {
    if (this.#pidfd !== undefined) this.#watch = onReadable(this.#pidfd, () => this.#reap());
  }

  #reap(): void {
    if (this.#pidfd === undefined) return;
    if (this.#isReaped()) this.#forget();
    else this.#awaitEnd();
  }

  #forget(): void {
    this.#watch?.cancel();
    this.#watch = undefined;
    native.childLetGo(this.#pid);
    if (this.#pidfd !== undefined) native.fdClose(this.#pidfd);
    this.#pidfd = undefined;
  }

  // The program itself may have reaped it, by a wait for any child.
  #isReaped(): boolean {
    try {
      const [ended, code, signal] = native.waitChild(this.#pid, true);
      if (ended !== 0) this.#exitCode = signal === 0 ? code : -signal;
      return ended !== 0;
    } catch (error) {
      if (error instanceof SystemError && error.code === 'ECHILD') return true;
      throw error;
    }
  }
}

/** Makes node require our first module before those of the program: options in the environment come first. */
function firstOf(options = ''): Record<string, string> {
  const quoted = `"${firstModule.replace(/["\\]/g, '\\$&')}"`;
  return { NODE_OPTIONS: `--require ${quoted} ${options}`.trimEnd(), MULTIPROC_NODE_OPTIONS: options };
}
