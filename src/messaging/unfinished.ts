/**
 * Which messages of a joinable queue were taken and not acknowledged yet: counted by participant, so that those of a
 * dead consumer are known.
 *
 * Everything changes under the lock of the ring's taking end. What changes together is noted before, so that the next
 * owner of the lock can finish what a dead one began.
 */
import { layout, native } from '../native.js';
import { Fact, GetWord, ledgerWords } from '../shared/ring-layout.js';

/** An entry for each slot of the registry. */
const firstEntry = ledgerWords;
const entryWords = 4;
const slots = 4096;

// Words of an entry.
const owner = 0;
const taken = 1;
const acknowledged = 2;

const { taker, nextTaken, acknowledging, nextDone, nextAcknowledged, acknowledger } = GetWord;

export class Unfinished {
  readonly #words: Int32Array;
  readonly #at: number;

  constructor(words: Int32Array, at: number) {
    this.#words = words;
    this.#at = at;
  }

  get done(): number {
    return Atomics.load(this.#words, this.#at + Fact.done);
  }

  prepare(id: number): void {
    const words = this.#words;
    const entry = entryOf(id);
    if (words[entry + owner] !== id) this.#claim(entry, id);
    words[this.#at + taker] = id;
    words[this.#at + nextTaken] = ((words[entry + taken] as number) + 1) | 0;
  }

  commit(takes: number): void {
    const words = this.#words;
    const entry = entryOf(words[this.#at + taker] as number);
    words[entry + taken] = words[this.#at + nextTaken] as number;
    // Somebody has acknowledged it before it was taken: then nobody owes anything.
    if (((this.done - takes) | 0) >= 0) words[entry + acknowledged] = words[entry + taken] as number;
  }

  /** The participant says that a message is done: one that it took, else one that somebody else took. */
  acknowledge(id: number): void {
    const words = this.#words;
    let entry = entryOf(id);
    if (!this.#owes(entry, id)) entry = this.#someoneElse() ?? entry;
    words[this.#at + acknowledger] = words[entry + owner] as number;
    words[this.#at + nextDone] = ((words[this.#at + Fact.done] as number) + 1) | 0;
    words[this.#at + nextAcknowledged] = ((words[entry + acknowledged] as number) + (this.#owesAny(entry) ? 1 : 0)) | 0;
    Atomics.store(words, this.#at + acknowledging, 1);
    this.#finish();
  }

  /** Whether it took a message and did not acknowledge it. */
  owes(id: number): boolean {
    return this.#owes(entryOf(id), id);
  }

  /** Counts what dead consumers took as done. How many messages that were. */
  bury(): number {
    const words = this.#words;
    let buried = 0;
    for (let entry = firstEntry; entry < firstEntry + slots * entryWords; entry += entryWords) {
      const id = words[entry + owner] as number;
      if (id === 0 || !native.isDead(id)) continue;
      buried += this.#settle(entry);
    }
    return buried;
  }

  anyDead(): boolean {
    const words = this.#words;
    for (let entry = firstEntry; entry < firstEntry + slots * entryWords; entry += entryWords) {
      if (words[entry + taken] !== words[entry + acknowledged] && native.isDead(words[entry + owner] as number)) {
        return true;
      }
    }
    return false;
  }

  mend(moved: boolean, takes: number): void {
    const words = this.#words;
    if (words[this.#at + acknowledging] !== 0) this.#finish();
    const id = words[this.#at + taker] as number;
    if (moved && id !== 0 && words[entryOf(id) + owner] === id) this.commit(takes);
  }

  #finish(): void {
    const words = this.#words;
    const id = words[this.#at + acknowledger] as number;
    words[this.#at + Fact.done] = words[this.#at + nextDone] as number;
    if (id !== 0) words[entryOf(id) + acknowledged] = words[this.#at + nextAcknowledged] as number;
    Atomics.store(words, this.#at + acknowledging, 0);
  }

  /** The slot had another participant before. */
  #claim(entry: number, id: number): void {
    this.#settle(entry);
    this.#words[entry + owner] = id;
  }

  /** What its owner took and did not acknowledge counts as done. */
  #settle(entry: number): number {
    const words = this.#words;
    const owed = ((words[entry + taken] as number) - (words[entry + acknowledged] as number)) | 0;
    if (owed > 0) {
      words[this.#at + acknowledger] = words[entry + owner] as number;
      words[this.#at + nextDone] = ((words[this.#at + Fact.done] as number) + owed) | 0;
      words[this.#at + nextAcknowledged] = words[entry + taken] as number;
      Atomics.store(words, this.#at + acknowledging, 1);
      this.#finish();
    }
    words[entry + owner] = 0;
    words[entry + taken] = 0;
    words[entry + acknowledged] = 0;
    return Math.max(owed, 0);
  }

  #owes(entry: number, id: number): boolean {
    return this.#words[entry + owner] === id && this.#owesAny(entry);
  }

  #owesAny(entry: number): boolean {
    return this.#words[entry + taken] !== this.#words[entry + acknowledged];
  }

  #someoneElse(): number | undefined {
    for (let entry = firstEntry; entry < firstEntry + slots * entryWords; entry += entryWords) {
      if (this.#owesAny(entry)) return entry;
    }
    return undefined;
  }
}

const slotMask = 0xfff;

function entryOf(id: number): number {
  return firstEntry + (id & layout.ownerMask & slotMask) * entryWords;
}
