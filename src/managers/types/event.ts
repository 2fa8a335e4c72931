/** Event in a manager's server. */
import { parseWait, type Wait } from '../../deadline.js';
import { Waiting } from './call-waiters.js';

export class ManagedEvent {
  static readonly kind = 'event';
  readonly #waiting = new Waiting<boolean>();
  #set = false;

  isSet(): boolean {
    return this.#set;
  }

  set(): void {
    this.#set = true;
    this.#waiting.tellAll(true);
  }

  clear(): void {
    this.#set = false;
  }

  wait(wait?: Wait): Promise<boolean> | boolean {
    const { deadline } = parseWait(wait);
    return this.#set || this.#waiting.wait(deadline, false);
  }

  getValue(): boolean {
    return this.#set;
  }
}
