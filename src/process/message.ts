/**
 * The message to a child, as bytes: its facts, target, arguments, class and fields.
 *
 * Each of these parts is serialized once, and the parts stand behind a table of their lengths: large arguments are
 * neither copied into one buffer nor serialized again.
 */
import { constants } from 'node:buffer';
import { Arrival, deserialize, discard, isPrepared, prepare, serialize } from '../serialize/codec.js';
import { damaged } from '../serialize/handles.js';
import { whileSpawning } from '../serialize/spawning.js';
import type { ChildFacts } from './facts.js';
import { findTarget, isAtHand, type Target } from './target.js';

/** The work of a child, in the form that `Process` holds it. */
export interface Work {
  /** What to call: a function, or where to find one; `undefined` for a subclass with a `run` of its own. */
  readonly target: Target | undefined;
  readonly args: readonly unknown[];
  /** The user's subclass of Process, and its own fields. */
  readonly subclass: unknown;
  readonly fields: object;
}

/** The parts of a message, in their order. */
const Part = { facts: 0, target: 1, args: 2, subclass: 3, fields: 4 } as const;
const partCount = 5;
/** One length, a double, for each part. */
const tableSize = partCount * 8;

/** The table and the parts, to be written one behind the other. */
export type Message = readonly Buffer[];

/**
 * Serializes what the child is given.
 *
 * @throws TypeError for what cannot travel, naming its path (`args[0].callback`) and the cure
 * @throws RangeError for more bytes than a Buffer of this Node holds: the child could not read them
 */
export function composeMessage(facts: ChildFacts, work: Work): Message {
  const table = Buffer.alloc(tableSize);
  const message: Buffer[] = [table];
  const add = (value: unknown, root: string) => {
    const bytes = whileSpawning(() => serialize(value, root));
    table.writeDoubleLE(bytes.length, (message.length - 1) * 8);
    message.push(bytes);
  };
  try {
    add(facts, 'facts');
    add(work.target, 'target');
    add([...work.args], 'args');
    add(work.subclass, 'the class');
    add(work.fields, 'this');
    const size = message.reduce((sum, bytes) => sum + bytes.length, 0);
    if (size > maxMessageSize) {
      throw new RangeError(
        `Expected arguments of at most ${maxMessageSize} bytes, got ${size}: pass large data in a SharedArray or through a Queue`,
      );
    }
    return message;
  } catch (error) {
    cancelMessage(message);
    throw error;
  }
}

/** With room for the header of the channel. */
const maxMessageSize = constants.MAX_LENGTH - 4096;

// Views of the parts of a message that was read.
function partsOf(bytes: Buffer): Buffer[] {
  if (bytes.length < tableSize) throw damaged('it ends within its table');
  const parts: Buffer[] = [];
  let start = tableSize;
  for (let index = 0; index < partCount; index++) {
    const length = bytes.readDoubleLE(index * 8);
    if (!(length >= 0 && start + length <= bytes.length)) throw damaged('its parts are longer than the message');
    parts.push(bytes.subarray(start, start + length));
    start += length;
  }
  return parts;
}

/** A message that was read, but whose parts are not restored yet. */
export class ReceivedMessage {
  readonly facts: ChildFacts;
  #parts: readonly Buffer[];
  #arrivals: Arrival[] = [];

  constructor(bytes: Buffer) {
    this.#parts = partsOf(bytes);
    this.facts = deserialize(this.#part('facts')) as ChildFacts;
  }

  #part(name: keyof typeof Part): Buffer {
    return this.#parts[Part[name]] as Buffer;
  }

  /** Whether no module has to be loaded for what the parts refer to. */
  isAtHand(): boolean {
    return this.#referring().every(isPrepared) && isAtHand(this.work().target);
  }

  /** Imports what the parts refer to. */
  async load(): Promise<void> {
    for (const part of this.#referring()) await prepare(part, { fresh: true });
    const { target } = this.work();
    if (target !== undefined) await findTarget(target);
  }

  /** What to call, of which class, once that is loaded. Nothing in it could be lost. */
  work(): Pick<Work, 'target' | 'subclass'> {
    return {
      target: deserialize(this.#part('target')) as Target | undefined,
      subclass: deserialize(this.#part('subclass')),
    };
  }

  /**
   * Attaches the objects in the arguments and fields: once, and no other process may do it as well. No module is loaded, and no
   * code of the user's runs. From then on they are this process's, until {@link restore} or {@link discard}.
   */
  take(): void {
    this.#arrivals = (['args', 'fields'] as const).map((name) => new Arrival(this.#part(name)));
  }

  /** The arguments and fields. Precondition: {@link take}. */
  restore(): Pick<Work, 'args' | 'fields'> {
    const [args, fields] = [this.#part('args'), this.#part('fields')];
    const [argsArrival, fieldsArrival] = this.#arrivals.splice(0) as [Arrival, Arrival];
    // The bytes may be many, and are not needed again.
    this.#parts = [];
    try {
      return { args: argsArrival.read(args) as unknown[], fields: fieldsArrival.read(fields) as object };
    } finally {
      fieldsArrival.release(fields);
    }
  }

  // In this order: what an argument's module wants of the program is there already.
  #referring(): readonly Buffer[] {
    return [this.#part('target'), this.#part('subclass'), this.#part('args'), this.#part('fields')];
  }

  /** It is not restored: what it was bringing along is let go. */
  discard(): void {
    const [args, fields] = this.#arrivals.splice(0);
    if (args === undefined || fields === undefined) {
      discard(this.#part('args'));
      discard(this.#part('fields'));
    } else {
      args.release(this.#part('args'));
      fields.release(this.#part('fields'));
    }
  }
}

/** Releases what a message that is not sent holds. */
export function cancelMessage(message: Message): void {
  for (const part of message.slice(1)) discard(part);
}

/** As {@link ReceivedMessage.discard}. */
export function discardMessage(bytes: Buffer): void {
  new ReceivedMessage(bytes).discard();
}
