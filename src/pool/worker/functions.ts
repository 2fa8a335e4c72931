/** The functions of a worker, by the pool's numbers. */
import { Buffer } from 'node:buffer';
import { whileLoading } from '../../process/loading.js';
import { Arrival, prepare } from '../../serialize/codec.js';

type Fn = (...args: unknown[]) => unknown;

export class Functions {
  readonly #texts: (Uint8Array | undefined)[];
  readonly #found: (Fn | undefined)[] = [];

  constructor(texts: readonly Uint8Array[]) {
    this.#texts = [...texts];
  }

  /** Returns the function if it is loaded. */
  known(number: number): Fn | undefined {
    return this.#found[number];
  }

  /**
   * Finds the function, and loads its module if need be.
   *
   * @param text its description, if the task carries one
   * @throws TypeError if the function cannot be loaded here
   */
  async find(number: number, text: Uint8Array | undefined): Promise<Fn> {
    const bytes = text ?? this.#texts[number];
    if (bytes === undefined) throw new TypeError(`The pool's function ${number} was never described`);
    this.#texts[number] = bytes;
    const found = (await load(bytes)) as Fn;
    this.#found[number] = found;
    return found;
  }
}

/**
 * Decodes a value and imports the modules that it names.
 *
 * @param begins is called first: from then on shared objects may have been received
 */
export async function load(bytes: Uint8Array, begins = () => {}): Promise<unknown> {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  begins();
  const arrival = new Arrival(message);
  try {
    await whileLoading(async () => prepare(message));
  } catch (error) {
    arrival.release(message);
    throw error;
  }
  return arrival.read(message);
}
