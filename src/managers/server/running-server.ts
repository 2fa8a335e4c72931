/** The server process of a manager, from its start to its end: by shutdown, at the end of the program, or when dropped. */
import { unlinkSync } from 'node:fs';
import { watchDropped } from '../../lifecycle/dropped.js';
import { Finalize } from '../../lifecycle/finalize.js';
import { type Address, parseAddress, writeAddress } from '../../messaging/address.js';
import type { Process } from '../../process/process.js';
import type { Link } from '../client/client-connection.js';
import { linkAt, linkTo } from '../client/connection-cache.js';
import { type Anchor, dropAnchor, weighAnchor } from '../client/server-anchors.js';
import { Question } from '../protocol/frame.js';

/** How long a server may take to stop before it is sent a signal, in ms. */
const graceMs = 5000;
/** The same at the end of the program. */
const lastGraceMs = 1000;

interface Place {
  readonly address: Address;
  readonly key: Buffer;
  readonly handshakeTimeout: number | undefined;
}

/** Refers to neither its manager nor a proxy: they can be collected while it runs. */
export class RunningServer {
  readonly process: Process;
  readonly #place: Place;
  readonly #where: string;
  readonly #finalizer: Finalize;
  #unwatch: () => void = () => {};

  constructor(child: Process, place: Place) {
    this.process = child;
    this.#place = place;
    this.#where = writeAddress(parseAddress(place.address));
    const { pid } = process;
    this.#finalizer = new Finalize(() => process.pid === pid && this.#endSync(), { exitPriority: 0 });
  }

  /** Ends the server, with a warning, once the returned anchor is collected: its manager and proxies keep that. */
  anchor(managerName: string): Anchor {
    const anchor = dropAnchor(this.#where);
    const what = `A ${managerName} (server process ${this.process.pid})`;
    this.#unwatch = watchDropped(anchor, what, 'shutdown()', () => this.#retire());
    return anchor;
  }

  /** Stops the server, and waits for its process. */
  async shutdown(): Promise<void> {
    this.#unwatch();
    weighAnchor(this.#where);
    const link = this.#link();
    const child = this.process;
    if (child.isAlive()) {
      if (!tells(link, Question.shutdown) || !(await child.join(graceMs))) child.terminate();
      if (!(await child.join(graceMs))) child.kill();
      await child.join();
    }
    link.close();
    this.#hasEnded();
  }

  /** Has the server stop as soon as it has no client besides this thread: others may still use its objects. */
  async #retire(): Promise<void> {
    weighAnchor(this.#where);
    const child = this.process;
    if (child.isAlive()) {
      const link = this.#link();
      try {
        await link.ask(Question.retire, false).promise();
        link.close();
      } catch {
        // It does not answer, or cannot be reached.
        child.terminate();
      }
      await child.join({ ref: false });
    }
    this.#hasEnded();
  }

  #link(): Link {
    return linkTo(this.#place.address, this.#place.key, this.#place.handshakeTimeout);
  }

  #hasEnded(): void {
    this.#removeFile();
    this.#finalizer.cancel();
  }

  /** At the end of this process. */
  #endSync(): void {
    this.#unwatch();
    const child = this.process;
    if (child.isAlive()) {
      const link = linkAt(this.#place.address);
      try {
        link?.forgetQuiet();
        link?.ask(Question.shutdown);
        link?.push();
      } catch {
        // It has ended, or ends by the signal.
      }
      if (link === undefined || !child.joinSync(lastGraceMs)) child.terminate();
      if (!child.joinSync(lastGraceMs)) child.kill();
    }
    this.#removeFile();
  }

  /** A server that was ended by a signal has left it. */
  #removeFile(): void {
    const { address } = this.#place;
    if (typeof address !== 'string' || address.startsWith('\0')) return;
    try {
      unlinkSync(address);
    } catch {
      // The server has removed it.
    }
  }
}

/** False where the server cannot be reached: its socket file was removed, or there are no descriptors. */
function tells(link: Link, question: number): boolean {
  try {
    // What fails from now on ends with the process.
    link
      .ask(question)
      .promise()
      .catch(() => {});
    return true;
  } catch {
    return false;
  }
}
