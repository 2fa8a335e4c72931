/**
 * The message to a child, as bytes: its facts, target, arguments, class and fields.
 *
 * Each of these parts is serialised once, and the parts follow a table of their lengths: large arguments are neither
 * copied into one buffer nor serialised again.
 */
import { constants } from 'node:buffer';
import { Arrival, deserialize, discard, isPrepared, prepare, serialize } from '../serialize/codec.js';
import { damaged } from '../serialize/handles.js';
import { whileSpawning } from '../serialize/spawning.js';
import type { ChildFacts } from './facts.js';
import { findTarget, isAtHand, type Target } from './target.js';

/** The work of a child, in the form that `Process` holds it. */
export interface Work {
  /** The function to call, or its place; `undefined` for a subclass with a `run` of its own. */
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

/** The table and the parts, to be written in this order. */
export type Message = readonly Buffer[];

/**
 * Serialises the message.
 *
 * @throws TypeError for a value that cannot travel, naming its path (`args[0].callback`) and the cure
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

/** Leaves room for the header of the channel. */
const maxMessageSize = constants.MAX_LENGTH - 4096;

// Returns views of the parts of a message that was read.
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

  /** Whether the modules of all references are loaded. */
  isAtHand(): boolean {
    return this.#referring().every(isPrepared) && isAtHand(this.work().target);
  }

  /** Imports the modules of all references. */
  async load(): Promise<void> {
    for (const part of this.#referring()) await prepare(part, { fresh: true });
    const { target } = this.work();
    if (target !== undefined) await findTarget(target);
  }

  /** Returns the target and the class, once they are loaded. They hold no shared objects. */
  work(): Pick<Work, 'target' | 'subclass'> {
    return {
      target: deserialize(this.#part('target')) as Target | undefined,
      subclass: deserialize(this.#part('subclass')),
    };
  }

  /**
   * Attaches the objects in the arguments and fields: once, and in no other process. No module is loaded, and no user
   * code runs. From then on they are this process's, until {@link restore} or {@link discard}.
   */
  take(): void {
    this.#arrivals = (['args', 'fields'] as const).map((name) => new Arrival(this.#part(name)));
  }

  /** Returns the arguments and fields. Precondition: {@link take}. */
  restore(): Pick<Work, 'args' | 'fields'> {
    const [args, fields] = [this.#part('args'), this.#part('fields')];
    const [argsArrival, fieldsArrival] = this.#arrivals.splice(0) as [Arrival, Arrival];
    // Frees the bytes, which may be many.
    this.#parts = [];
    try {
      return { args: argsArrival.read(args) as unknown[], fields: fieldsArrival.read(fields) as object };
    } finally {
      fieldsArrival.release(fields);
    }
  }

  // In this order: an argument's module may need the program's modules.
  #referring(): readonly Buffer[] {
    return [this.#part('target'), this.#part('subclass'), this.#part('args'), this.#part('fields')];
  }

  /** Releases the objects of a message that is not restored. */
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

/** Releases the objects of a message that is not sent. */
export function cancelMessage(message: Message): void {
  for (const part of message.slice(1)) discard(part);
}

/** Releases like {@link ReceivedMessage.discard}. */
export function discardMessage(bytes: Buffer): void {
  new ReceivedMessage(bytes).discard();
}
