/** Values as bytes on the server: data only, since objects in shared memory and modules belong to one machine. */
import { within } from '../serialize/afar.js';
import { deserialize, serialize } from '../serialize/codec.js';

const elsewhere = { modules: new Set<string>(), attaches: false };

/**
 * Encodes a value for any machine.
 *
 * @throws TypeError for what cannot travel to another machine, naming its path
 */
export function encode(value: unknown, root = 'value'): Buffer {
  return within(elsewhere, () => serialize(value, root));
}

/** Makes the value again. Bytes from the server load no module: they may name only what `register` named here. */
export function decode(bytes: unknown): unknown {
  return within(elsewhere, () => deserialize(bytes as Buffer));
}
