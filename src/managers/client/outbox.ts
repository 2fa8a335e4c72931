/** What a client says before its conversation has begun. */
import { Buffer } from 'node:buffer';
import type { Pending } from './pending-call.js';

interface Said {
  readonly pending: Pending | undefined;
  readonly frame: Buffer;
}

export class Early {
  #said: Said[] = [];

  /** @param frame is copied */
  add(pending: Pending | undefined, frame: Uint8Array): void {
    this.#said.push({ pending, frame: Buffer.from(frame) });
  }

  /** The frame of the call, which will not be said; `undefined` if there is none. */
  takeBack(pending: Pending): Buffer | undefined {
    const index = this.#said.findIndex((each) => each.pending === pending);
    return index === -1 ? undefined : this.#said.splice(index, 1)[0]?.frame;
  }

  takeAll(): Said[] {
    return this.#said.splice(0);
  }
}
