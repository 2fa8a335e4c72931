/** A fork server that this process starts: its program, its descriptors, and its end. */
import { openSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { SystemError } from '../../errors.js';
import { afterForkInChild } from '../../lifecycle/after-fork.js';
import { onReadable } from '../../lifecycle/readiness.js';
import { flagsForForking } from '../../lifecycle/single-threaded.js';
import { getLogger } from '../../logging.js';
import { native } from '../../native.js';
import { executable } from '../executable.js';
import { startDirectory, workingDirectory } from '../working-directory.js';
import type { Hello } from './protocol.js';

const program = fileURLToPath(new URL('./main.js', import.meta.url));
const flags = ['--no-flush-bytecode', '--no-lazy'];

export class ServerProcess {
  /** This process's end of the socket for requests. */
  readonly requests: number;
  /** This process's end of the channel on which the server gets its hello and answers it. */
  readonly control: number;
  readonly #pid: number;
  /** A pidfd, until the server is reaped. */
  #pidfd: number | undefined;

  /** @throws SystemError if there can be no further process */
  constructor({ argv, env, execArgv }: Hello) {
    const [requests, theirRequests] = native.channelPair(true);
    const [control, theirControl] = native.channelPair(false);
    const parent = native.processFile(native.currentPid());
    const silence = openSync('/dev/null', 'r+');
    const path = executable();
    // Another Node may not have the others.
    const forking = path === process.execPath ? flagsForForking : ['--single-threaded'];
    try {
      this.#pid = native.spawnProcess(
        path,
        [path, ...execArgv, ...flags, ...forking, program, ...argv.slice(1)],
        Object.entries(env).map(([name, value]) => `${name}=${value}`),
        startDirectory ?? workingDirectory(),
        // In the order of `inherited`.
        [silence, 1, 2, theirRequests, theirControl, parent],
      );
    } catch (error) {
      native.closeDescriptors([requests, control]);
      throw error;
    } finally {
      native.closeDescriptors([theirRequests, theirControl, parent, silence]);
    }
    this.requests = requests;
    this.control = control;
    // With the end of this thread, too, nobody is left who asks: then the server ends.
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
    // It is a sibling of such a child then.
    afterForkInChild(() => this.#forget());
    getLogger().info('started the fork server, process %d', this.#pid);
  }

  kill(): void {
    if (this.#pidfd !== undefined) native.signalProcess(this.#pidfd, constants.signals.SIGKILL);
  }

  // Nobody would see its end.
  #abandon(): void {
    process.kill(this.#pid, 'SIGKILL');
    native.waitChild(this.#pid, false);
    this.#forget();
    native.fdClose(this.requests);
    native.fdClose(this.control);
  }

  #awaitEnd(): void {
    if (this.#pidfd !== undefined) onReadable(this.#pidfd, () => this.#reap());
  }

  #reap(): void {
    if (isReaped(this.#pid)) this.#forget();
    else this.#awaitEnd();
  }

  #forget(): void {
    native.childLetGo(this.#pid);
    if (this.#pidfd !== undefined) native.fdClose(this.#pidfd);
    this.#pidfd = undefined;
  }
}

// The program itself may have done it, by a wait for any child.
function isReaped(pid: number): boolean {
  try {
    return native.waitChild(pid, true)[0] !== 0;
  } catch (error) {
    if (error instanceof SystemError && error.code === 'ECHILD') return true;
    throw error;
  }
}
