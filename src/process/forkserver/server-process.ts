/** A fork server that this process starts: its program, its descriptors, and its end. */
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterForkInChild } from '../../lifecycle/after-fork.js';
import { onReadable } from '../../lifecycle/readiness.js';
import { getLogger } from '../../logging.js';
import { native } from '../../native.js';
import { executable } from '../executable.js';
import type { Hello } from './protocol.js';

const program = fileURLToPath(new URL('./main.js', import.meta.url));

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
    try {
      this.#pid = native.spawnProcess(
        path,
        [path, ...execArgv, '--single-threaded', '--no-flush-bytecode', '--no-lazy', program, ...argv.slice(1)],
        Object.entries(env).map(([name, value]) => `${name}=${value}`),
        process.cwd(),
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
    this.#pidfd = native.processFile(this.#pid);
    this.#awaitEnd();
    // It is a sibling of such a child then.
    afterForkInChild(() => this.#forget());
    getLogger().info('started the fork server, process %d', this.#pid);
  }

  kill(): void {
    if (this.#pidfd !== undefined) native.signalProcess(this.#pidfd, constants.signals.SIGKILL);
  }

  #awaitEnd(): void {
    if (this.#pidfd !== undefined) onReadable(this.#pidfd, () => this.#reap());
  }

  #reap(): void {
    const [ended] = native.waitChild(this.#pid, true);
    if (ended === 0) this.#awaitEnd();
    else this.#forget();
  }

  #forget(): void {
    if (this.#pidfd !== undefined) closeSync(this.#pidfd);
    this.#pidfd = undefined;
  }
}
