/** What an attacker wants the victim to import: the program that has loaded it can be told by a global variable. */
import { register } from 'multiproc';

(globalThis as { baitTaken?: boolean }).baitTaken = true;

/** A function that the module exports. */
export function bait(): string {
  return 'run';
}

/** A class whose instances it makes itself. */
export class Bait {
  size = 1;
  static [Symbol.for('multiproc.serialize')](): unknown {
    return [1];
  }
  static [Symbol.for('multiproc.deserialize')](): Bait {
    return new Bait();
  }
}

/** A class whose instances are fields alone. */
export class PlainBait {
  size = 1;
}

/** A class of errors. */
export class BaitError extends Error {}

/** Known by a name. */
export const registered = register('attack.bait', (n: number) => n);

/** Values that name this module, each in another way. */
export const values: Readonly<Record<string, () => unknown>> = {
  'a function': () => bait,
  'a class': () => Bait,
  'an instance that its class makes': () => ({ deep: [new Bait()] }),
  'a plain instance': () => new Map([[1, new PlainBait()]]),
  'a registered function': () => [registered],
  'an error': () => new BaitError('an error is worth more than its class'),
  'an error with more': () => Object.assign(new Error('x'), { cause: new PlainBait() }),
  // biome-ignore lint/suspicious/noThenProperty: the attack
  'a function that an await would call': () => ({ then: bait }),
};
