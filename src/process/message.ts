/** What a child is given to do, as bytes: who it is, and its target, arguments and fields, each serialised once. */
import { deserialize, discard, isPrepared, prepare, serialize } from '../serialize/codec.js';
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

interface Message {
  readonly facts: ChildFacts;
  readonly target: Buffer;
  readonly args: Buffer;
  readonly subclass: Buffer;
  readonly fields: Buffer;
}

/**
 * @throws TypeError for what cannot travel, naming its path (`args[0].callback`) and the cure
 */
export function composeMessage(facts: ChildFacts, work: Work): Buffer {
  const parts: Buffer[] = [];
  const part = (value: unknown, root: string) => {
    const bytes = whileSpawning(() => serialize(value, root));
    parts.push(bytes);
    return bytes;
  };
  try {
    const message: Message = {
      facts,
      target: part(work.target, 'target'),
      args: part([...work.args], 'args'),
      subclass: part(work.subclass, 'the class'),
      fields: part(work.fields, 'this'),
    };
    return serialize(message);
  } catch (error) {
    for (const bytes of parts) discard(bytes);
    throw error;
  }
}

/** A message that was read, but whose parts are not restored yet. */
export class ReceivedMessage {
  readonly facts: ChildFacts;
  readonly #message: Message;

  constructor(bytes: Buffer) {
    this.#message = deserialize(bytes) as Message;
    this.facts = this.#message.facts;
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
    const { target, subclass } = this.#message;
    return { target: deserialize(target) as Target | undefined, subclass: deserialize(subclass) };
  }

  /** Attaches the objects in the arguments and fields: once, and nobody else may do it as well. */
  restore(): Pick<Work, 'args' | 'fields'> {
    return {
      args: deserialize(this.#message.args) as unknown[],
      fields: deserialize(this.#message.fields) as object,
    };
  }

  // In this order: what an argument's module wants of the program is there already.
  #referring(): readonly Buffer[] {
    const { target, subclass, args, fields } = this.#message;
    return [target, subclass, args, fields];
  }

  /** Nobody will restore it: what it was bringing along is let go. */
  discard(): void {
    discard(this.#message.args);
    discard(this.#message.fields);
  }
}

/** As {@link ReceivedMessage.discard}. */
export function discardMessage(bytes: Buffer): void {
  new ReceivedMessage(bytes).discard();
}
