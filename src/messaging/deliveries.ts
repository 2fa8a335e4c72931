/**
 * The messages of a joinable queue that were taken by name, wait to be taken again, or are dead letters.
 *
 * Each lies in a block of its own, whose owner word is its state:
 *
 *     0          free
 *     < 2^30     open: a participant took it; on its death, or when the lease ends, the message is given back
 *     ready      it waits to be taken again; in a line, first in, first out
 *     delayed    the same, but not before it is due
 *     dead       a dead letter
 *     reason     no message, but the reason of a dead letter
 *
 * A message is copied to a free block before it is taken from the ring, and becomes its consumer's with the one store that
 * takes it. Every change of state is a few stores that the journal makes together. The caller holds the lock of the ring's
 * taking end; a dead owner's change is finished by the next one.
 */
import { now } from '../deadline.js';
import { layout, native } from '../native.js';
import { Damage, Later, readRecord, type Window, writeRecord } from '../serialize/records.js';
import { Tag } from '../serialize/tags.js';
import {
  BlockWord,
  type DeliveryRules,
  KeptWord,
  nameBytes,
  rulesIn,
  State,
  stateBit,
  timeIn,
  wordsOfTime,
} from '../shared/delivery-layout.js';
import { EndWord, Fact, getEnd } from '../shared/ring-layout.js';
import type { Segment } from '../shared/segment.js';
import { Journal } from './journal.js';
import { KeptBlocks } from './kept-blocks.js';
import type { Parcel } from './parcel.js';

const { owner, number, attempts, token, dueHigh, dueLow, link, after, flags } = BlockWord;

/** Bit of a block's flags: it was taken by `get`. Above, of a dead letter: why. */
export const takenByGet = 1;
const whyShift = 8;

/** Why a message became a dead letter, where its consumer gave no reason. */
export const Why = { none: 0, died: 1, leaseEnded: 2, retried: 3 } as const;
type Why = (typeof Why)[keyof typeof Why];

const whyTexts = ['', 'its consumer died or ended', 'its lease ended', 'its consumer gave it back'];

/** One delivery of a message: what names it in the shared memory. */
export interface Ticket {
  readonly block: number;
  readonly token: number;
  /** Including this one. */
  readonly attempts: number;
}

/** What became of an acknowledgement. */
export const Settled = { done: 0, notYours: 1, leaseEnded: 2 } as const;
export type Settled = (typeof Settled)[keyof typeof Settled];

export class Deliveries {
  readonly blocks: KeptBlocks;
  /** Puts the value of a dead letter into the dead-letter queue; `false` if that does not take it. */
  deadLetters: ((value: unknown) => boolean) | undefined;
  readonly rules: DeliveryRules;
  readonly #words: Int32Array;
  readonly #at: number;
  /** Whether messages of dead consumers are delivered again; otherwise they count as done. */
  readonly #redelivers: boolean;
  readonly #journal: Journal;
  /** The block for {@link promise}. */
  #fresh = -1;
  #ticket: Ticket | undefined;
  /** Bytes of messages that were settled, if objects may be in transit in them. */
  #settled: Buffer[] = [];

  /** @throws MultiprocError `ERR_MULTIPROC_SEGMENT` if the blocks do not lie in the segment */
  constructor(segment: Segment, words: Int32Array, at: number, first: number, capacity: number, redelivers: boolean) {
    this.blocks = new KeptBlocks(segment, words, first, capacity);
    this.#words = words;
    this.#at = at;
    this.#redelivers = redelivers;
    this.rules = rulesIn(words);
    this.#journal = new Journal(words, KeptWord.journal, (place, value) => this.#store(place, value));
  }

  /** In the words of a new queue. */
  static init(words: Int32Array, first: number, bytes: number, rules: DeliveryRules): void {
    KeptBlocks.init(words, first, bytes);
    words[KeptWord.maxAttempts] = rules.maxAttempts;
    [words[KeptWord.leaseHigh], words[KeptWord.leaseLow]] = wordsOfTime(rules.lease) as [number, number];
    const name = new Uint8Array(words.buffer, words.byteOffset + KeptWord.name * 4, nameBytes);
    words[KeptWord.nameLength] = new TextEncoder().encodeInto(rules.deadLetter, name).written;
  }

  /** Messages that consumers have open. */
  get open(): number {
    return this.#words[KeptWord.open] as number;
  }

  /** Messages that wait to be taken again, now. */
  get ready(): number {
    return Atomics.load(this.#words, this.#at + Fact.returned);
  }

  get delayed(): number {
    return Atomics.load(this.#words, this.#at + Fact.delayed);
  }

  get dead(): number {
    return Atomics.load(this.#words, KeptWord.dead);
  }

  /** When the next delay or lease ends; `Infinity`: there is none. A hint, without the lock. */
  get nextDue(): number {
    return timeIn(this.#words, KeptWord.dueHigh) || Infinity;
  }

  /**
   * Copies the record that begins at the unit `at` of the window: it is about to be taken.
   *
   * @throws SystemError `ENOSPC`
   */
  keep(from: Window, at: number, units: number, messageNumber: number): void {
    const block = this.blocks.allocate(units);
    const { window, at: place } = this.blocks.record(block);
    const { words } = window;
    Atomics.store(words, block * 2 + number, messageNumber);
    words[block * 2 + attempts] = 1;
    words.set(from.words.subarray(at * 2, (at + units) * 2), place * 2);
    this.#fresh = block;
  }

  /** The next store of the ring's head gives the message that was kept to the participant. */
  promise(id: number, form: number): void {
    const block = this.#fresh;
    this.#begin();
    this.#give(block, id, form, 1);
    this.#journal.promise();
  }

  /** That store has happened. */
  fulfil(): Ticket {
    this.#journal.fulfil();
    return this.#ticket as Ticket;
  }

  /** Takes the message that became ready first, if those that were put before it are taken. */
  takeReady(id: number, form: number, ringEmpty: boolean): { ticket: Ticket; value: unknown } | undefined {
    const words = this.#words;
    const block = (words[KeptWord.first] as number) - 1;
    if (block < 0) {
      // Damaged: a message is said to be ready, but there is no line.
      Atomics.store(words, this.#at + Fact.returned, 0);
      return undefined;
    }
    const taken = words[this.#at + getEnd + EndWord.count] as number;
    if (!ringEmpty && ((taken - this.blocks.read(block, after)) | 0) < 0) return undefined;
    const value = this.value(block);
    const next = this.blocks.read(block, link);
    this.#begin();
    this.#journal.note(KeptWord.first, next);
    if (next === 0) this.#journal.note(KeptWord.last, 0);
    this.#journal.note(this.#at + Fact.returned, Math.max(this.ready - 1, 0));
    const times = (this.blocks.read(block, attempts) + 1) | 0;
    this.#journal.note(~(block * 2 + attempts), times);
    this.#give(block, id, form, times);
    this.#journal.commit();
    return { ticket: this.#ticket as Ticket, value };
  }

  /** The value in a block, as {@link readRecord} gives it. */
  value(block: number): unknown {
    let value: unknown;
    try {
      const { window, at, units } = this.blocks.record(block);
      value = readRecord(window, at, units);
    } catch (error) {
      value = new Damage(error);
    }
    if (value instanceof Later) value.kept = true;
    return value;
  }

  /** The consumer has dealt with the message. */
  done(id: number, ticket: Ticket): Settled {
    const refused = this.#refusal(id, ticket);
    if (refused !== undefined) return refused;
    this.#drop(ticket.block, KeptWord.open, 1);
    return Settled.done;
  }

  /** The consumer gives the message back; it is delivered again after `delay` ms. */
  retry(id: number, ticket: Ticket, delay: number): Settled {
    const refused = this.#refusal(id, ticket);
    if (refused !== undefined) return refused;
    this.#giveBack(ticket.block, Why.retried, delay);
    this.#forward();
    return Settled.done;
  }

  /** The consumer gives the message up. */
  fail(id: number, ticket: Ticket, reason: Parcel | undefined): Settled {
    const refused = this.#refusal(id, ticket);
    if (refused !== undefined) return refused;
    this.#bury(ticket.block, Why.none, reason);
    this.#forward();
    return Settled.done;
  }

  /** The lease begins anew. */
  extend(id: number, ticket: Ticket, lease: number): Settled {
    const refused = this.#refusal(id, ticket);
    if (refused !== undefined) return refused;
    const due = Math.ceil(now() + lease);
    this.#begin();
    this.#noteTime(ticket.block, due);
    this.#journal.commit();
    this.#expect(due);
    return Settled.done;
  }

  /** Tickets of what a participant has open that `get` gave. */
  openBy(id: number): Ticket[] {
    const found: Ticket[] = [];
    this.blocks.walk((block, state, words) => {
      if (state !== id || (words[block * 2 + flags] as number) !== takenByGet) return;
      found.push(ticketOf(words, block));
    });
    return found;
  }

  /** Whether the participant has the message still. */
  isOpen(id: number, ticket: Ticket): boolean {
    return this.#refusal(id, ticket) === undefined;
  }

  /** Whether other participants have messages open. */
  openElsewhere(id: number): boolean {
    if (this.open === 0) return false;
    let found = false;
    this.blocks.walk((_, state) => {
      if (state > 0 && state < stateBit && state !== id) found = true;
    });
    return found;
  }

  /** Gives back what dead consumers had and what has lost its lease, and makes ready what is due. */
  look(): void {
    if (this.open > 0 || this.delayed > 0) this.#lookAtBlocks();
    else if (this.nextDue !== Infinity) this.#setDue(Infinity);
    this.#forward();
  }

  #lookAtBlocks(): void {
    const at = now();
    let next = Infinity;
    let living = 0;
    const found: { block: number; number: number; why: Why }[] = [];
    this.blocks.walk((block, state, words) => {
      if (state === 0 || state === State.ready || state === State.dead || state === State.reason) return;
      let why: Why = Why.none;
      const due = timeIn(words, block * 2 + dueHigh);
      if (state === State.delayed) {
        if (due > at) next = Math.min(next, due);
        else found.push({ block, number: due, why });
        return;
      }
      if (state !== living && (state < 0 || state >= stateBit || native.isDead(state))) why = Why.died;
      else {
        living = state;
        if (due === 0) return;
        if (due <= at) why = Why.leaseEnded;
      }
      if (why === Why.none) next = Math.min(next, due);
      else found.push({ block, number: words[block * 2 + number] as number, why });
    });
    // Those that were due first, then what was taken first.
    found.sort((a, b) => a.why - b.why || (a.number - b.number) | 0);
    for (const { block, why } of found) {
      if (why === Why.none) this.#makeReady(block, this.#at + Fact.delayed, this.delayed);
      else if (this.#redelivers) this.#giveBack(block, why, 0);
      else this.#drop(block, KeptWord.open, 1);
    }
    this.#setDue(next);
  }

  /** Dead letters, the oldest first. */
  listDead(): { ticket: Ticket; why: string; value: unknown; reason: unknown }[] {
    const found: { ticket: Ticket; order: number; why: string; value: unknown; reason: unknown }[] = [];
    this.blocks.walk((block, state, words) => {
      if (state !== State.dead) return;
      const reason = (words[block * 2 + link] as number) - 1;
      const why = whyTexts[((words[block * 2 + flags] as number) >>> whyShift) & 3] ?? '';
      found.push({
        ticket: ticketOf(words, block),
        order: words[block * 2 + after] as number,
        why,
        value: this.value(block),
        reason: reason >= 0 && this.blocks.has(reason) ? this.value(reason) : undefined,
      });
    });
    return found.sort((a, b) => (a.order - b.order) | 0);
  }

  /** Drops a dead letter. `false` if it is none any more. */
  discard({ block, token: of }: Ticket): boolean {
    if (!this.#isDead(block, of)) return false;
    this.#drop(block, KeptWord.dead, 0);
    return true;
  }

  /** Delivers a dead letter again, as if it had never been delivered. `false` if it is none any more. */
  revive({ block, token: of }: Ticket): boolean {
    if (!this.#isDead(block, of)) return false;
    const reason = this.blocks.read(block, link) - 1;
    this.#begin();
    if (reason >= 0) this.#journal.note(~(reason * 2 + owner), State.free);
    const done = this.#words[this.#at + Fact.done] as number;
    this.#journal.note(this.#at + Fact.done, (done - 1) | 0).note(~(block * 2 + attempts), 0);
    this.#noteReady(block, KeptWord.dead, this.dead);
    this.#journal.commit();
    return true;
  }

  /** Messages that were settled since the last call, with objects whose memory may have been kept for them. */
  settled(): Buffer[] {
    return this.#settled.splice(0);
  }

  mend(moved: boolean): void {
    this.#journal.mend(moved);
    this.blocks.mend();
  }

  #begin(): void {
    this.#journal.begin();
  }

  /** Notes that the block becomes the participant's, under a token of its own. */
  #give(block: number, id: number, form: number, times: number): void {
    const { lease } = this.rules;
    const next = ((this.#words[KeptWord.token] as number) + 1) | 0;
    const due = lease === 0 ? 0 : Math.ceil(now() + lease);
    this.#noteTime(block, due);
    this.#journal
      .note(KeptWord.token, next)
      .note(~(block * 2 + token), next)
      .note(~(block * 2 + flags), form)
      .note(KeptWord.open, this.open + 1)
      .note(~(block * 2 + owner), id);
    if (due !== 0) this.#expect(due);
    this.#ticket = { block, token: next, attempts: times };
  }

  #noteTime(block: number, due: number): void {
    const [dueHighWord, dueLowWord] = wordsOfTime(due);
    this.#journal.note(~(block * 2 + dueHigh), dueHighWord).note(~(block * 2 + dueLow), dueLowWord);
  }

  #refusal(id: number, { block, token: of }: Ticket): Settled | undefined {
    const { blocks } = this;
    const ended = this.rules.lease === 0 ? Settled.notYours : Settled.leaseEnded;
    if (!blocks.has(block) || blocks.read(block, owner) !== id || blocks.read(block, token) !== of) return ended;
    const due = timeIn(blocks.words, block * 2 + dueHigh);
    return due !== 0 && due <= now() ? ended : undefined;
  }

  /** An open message goes behind those that wait, or to the dead letters. */
  #giveBack(block: number, why: Why, delay: number): void {
    const { maxAttempts } = this.rules;
    if (maxAttempts !== 0 && this.blocks.read(block, attempts) >= maxAttempts) this.#bury(block, why, undefined);
    else if (delay === 0) this.#makeReady(block, KeptWord.open, this.open);
    else this.#makeDelayed(block, delay);
  }

  #makeReady(block: number, countedBy: number, count: number): void {
    this.#begin();
    this.#noteReady(block, countedBy, count);
    this.#journal.commit();
  }

  /** @param countedBy the word that has counted the message until now */
  #noteReady(block: number, countedBy: number, count: number): void {
    const last = (this.#words[KeptWord.last] as number) - 1;
    const journal = this.#journal;
    if (last < 0) journal.note(KeptWord.first, block + 1);
    else journal.note(~(last * 2 + link), block + 1);
    journal
      .note(KeptWord.last, block + 1)
      .note(~(block * 2 + link), 0)
      .note(~(block * 2 + after), this.#place(block))
      .note(this.#at + Fact.returned, this.ready + 1)
      .note(countedBy, Math.max(count - 1, 0))
      .note(~(block * 2 + owner), State.ready);
  }

  /** Behind which messages of the ring it goes: a delayed one has its place since it was given back. */
  #place(block: number): number {
    if (this.blocks.read(block, owner) === State.delayed) return this.blocks.read(block, after);
    return Atomics.load(this.#words, this.#at + EndWord.count);
  }

  #makeDelayed(block: number, delay: number): void {
    const due = Math.ceil(now() + delay);
    this.#begin();
    this.#noteTime(block, due);
    this.#journal
      .note(~(block * 2 + after), this.#place(block))
      .note(this.#at + Fact.delayed, this.delayed + 1)
      .note(KeptWord.open, Math.max(this.open - 1, 0))
      .note(~(block * 2 + owner), State.delayed)
      .commit();
    this.#expect(due);
  }

  /** An open message becomes a dead letter. */
  #bury(block: number, why: Why, reason: Parcel | undefined): void {
    const kept = reason === undefined ? -1 : this.#keepReason(reason);
    const order = ((this.#words[KeptWord.token] as number) + 1) | 0;
    this.#begin();
    if (kept >= 0) this.#journal.note(~(kept * 2 + owner), State.reason);
    this.#journal
      .note(KeptWord.token, order)
      .note(~(block * 2 + after), order)
      .note(~(block * 2 + link), kept + 1)
      .note(~(block * 2 + flags), why << whyShift)
      .note(KeptWord.dead, this.dead + 1)
      .note(KeptWord.open, Math.max(this.open - 1, 0))
      .note(this.#at + Fact.done, ((this.#words[this.#at + Fact.done] as number) + 1) | 0)
      .note(~(block * 2 + owner), State.dead)
      .commit();
  }

  /** Hands dead letters to their queue, as long as that takes them. One that is killed in between may hand one over twice. */
  #forward(): void {
    const { deadLetters } = this;
    if (deadLetters === undefined) return;
    for (const { ticket, value } of this.dead > 0 ? this.listDead() : []) {
      if (!deadLetters(value)) return;
      // What is in transit in it arrives with the other queue's message.
      this.#drop(ticket.block, KeptWord.dead, 0, false);
    }
  }

  /** −1 if there is no memory for it: the message is worth more than the reason. */
  #keepReason(reason: Parcel): number {
    let block: number;
    try {
      block = this.blocks.allocate(reason.units);
    } catch {
      return -1;
    }
    const { window, at } = this.blocks.record(block);
    writeRecord(window, at, reason.value);
    return block;
  }

  /** Frees a block, and that of its reason. `acknowledged`: 1 if it has not counted as done yet. */
  #drop(block: number, countedBy: number, acknowledged: number, settles = true): void {
    if (settles) this.#noteObjects(block);
    const reason = countedBy === KeptWord.open && acknowledged === 1 ? -1 : this.blocks.read(block, link) - 1;
    const count = this.#words[countedBy] as number;
    this.#begin();
    if (reason >= 0) {
      this.#noteObjects(reason);
      this.#journal.note(~(reason * 2 + owner), State.free);
    }
    this.#journal.note(countedBy, Math.max(count - 1, 0)).note(~(block * 2 + owner), State.free);
    if (acknowledged === 1) {
      this.#journal.note(this.#at + Fact.done, ((this.#words[this.#at + Fact.done] as number) + 1) | 0);
    }
    this.#journal.commit();
    if (this.open <= 0 && this.ready <= 0 && this.delayed <= 0 && this.dead <= 0) this.blocks.shrink();
  }

  #isDead(block: number, of: number): boolean {
    const { blocks } = this;
    return blocks.has(block) && blocks.read(block, owner) === State.dead && blocks.read(block, token) === of;
  }

  #noteObjects(block: number): void {
    if (!this.blocks.has(block)) return;
    const { window, at } = this.blocks.record(block);
    if (((window.words[at * 2] as number) & 0xff) !== Tag.clone) return;
    const value = this.value(block);
    if (value instanceof Later && value.bytes.includes(handlePrefix)) this.#settled.push(value.bytes);
  }

  /** Somebody has to look at that time at the latest. */
  #expect(due: number): void {
    if (due < this.nextDue) this.#setDue(due);
  }

  #setDue(due: number): void {
    const [dueHighWord, dueLowWord] = wordsOfTime(due === Infinity ? 0 : due);
    Atomics.store(this.#words, KeptWord.dueHigh, dueHighWord);
    Atomics.store(this.#words, KeptWord.dueLow, dueLowWord);
  }

  #store(place: number, value: number): void {
    const words = this.#words;
    if (place < 0) {
      const word = ~place;
      const { words, top } = this.blocks;
      if (word >= top * 2) throw this.blocks.damaged();
      Atomics.store(words, word, value);
      return;
    }
    const known =
      (place >= KeptWord.open && place < KeptWord.journal) ||
      (place >= this.#at + Fact.done && place <= this.#at + Fact.delayed);
    if (!known) throw this.blocks.damaged();
    Atomics.store(words, place, value);
  }
}

/** Of the files of this package, as their names stand in messages with handles. */
const handlePrefix = Buffer.from(`multiproc-${layout.abi}-`);

function ticketOf(words: Int32Array, block: number): Ticket {
  return {
    block,
    token: words[block * 2 + token] as number,
    attempts: words[block * 2 + attempts] as number,
  };
}
