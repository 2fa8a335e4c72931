/** Targets and classes of messages that a receiver takes and cannot finish. */
const serialize: unique symbol = Symbol.for('multiproc.serialize');
const deserialize: unique symbol = Symbol.for('multiproc.deserialize');

export function count(...args: unknown[]): number {
  return args.length;
}

/** Makes no instance. */
export class Unmakeable {
  readonly kind = 'unmakeable';

  static [serialize](): object {
    return {};
  }
  static [deserialize](): never {
    throw new Error('it cannot be made');
  }
}

/** Kills the process in which an instance is to be made. */
export class Deadly {
  readonly kind = 'deadly';

  static [serialize](): object {
    return {};
  }
  static [deserialize](): never {
    process.kill(process.pid, 'SIGKILL');
    for (;;);
  }
}
