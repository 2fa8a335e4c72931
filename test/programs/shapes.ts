/** Classes whose instances travel in the tests. */
import { MultiprocError } from 'multiproc';

export class Task {
  a: number;
  b: number;
  #hidden = 5;
  declare note?: unknown;

  constructor(a: number, b: number) {
    this.a = a;
    this.b = b;
  }

  get sum(): number {
    return this.a + this.b;
  }

  hidden(): number {
    return this.#hidden;
  }
}

export class Special extends Task {
  kind = 'special';
}

export class Bag extends Map<string, unknown> {
  label = 'bag';
  total(): number {
    return this.size;
  }
}

export class Stack extends Array<number> {
  top(): number | undefined {
    return this.at(-1);
  }
}

export class Names extends Set<string> {}

export class Moment extends Date {
  zone = 'UTC';
}

export class Bytes extends Uint8Array {
  first(): number | undefined {
    return this[0];
  }
}

const serialize: unique symbol = Symbol.for('multiproc.serialize') as never;
const deserialize: unique symbol = Symbol.for('multiproc.deserialize') as never;

/** Made from its data by its class. */
export class Temperature {
  readonly #celsius: number;
  readonly inner: unknown;

  constructor(celsius: number, inner?: unknown) {
    this.#celsius = celsius;
    this.inner = inner;
  }

  get celsius(): number {
    return this.#celsius;
  }

  static [serialize](one: Temperature): unknown {
    return { c: one.#celsius, inner: one.inner };
  }

  static [deserialize]({ c, inner }: { c: number; inner: unknown }): unknown {
    return new Temperature(c, inner);
  }
}

/** Leaves out what is not worth sending. */
export class Cached {
  key = 'k';
  cache: unknown = () => 'not sent';
  static [serialize]({ key }: Cached): unknown {
    return { key };
  }
}

/** Goes wrong where it arrives. */
export class Broken {
  x = 1;
  static [deserialize](): unknown {
    throw new RangeError('not today');
  }
}

export class HttpError extends Error {
  override name = 'HttpError';
  status: number;
  constructor(message: string, status: number, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

export class OwnError extends MultiprocError {}

/** Its class is not exported, that of its ancestor is. */
class Unknown extends HttpError {}
class Nameless extends RangeError {
  override get name(): string {
    return 'Nameless';
  }
}

class Secret {
  x = 1;
}

export const make = {
  unknown: () => new Unknown('gone', 410),
  nameless: () => new Nameless('odd'),
  secret: () => new Secret(),
};
