/** Serialises exports of the modules that the test names, and tells whether what it deserialises is one of them. */
import { deserialize, serialize } from 'multiproc';
import { hear, tell } from '../harness/parent.js';

// Not public: what Process and the queues use.
const { prepare } = await import(new URL('internals.js', import.meta.resolve('multiproc')).href);

interface Order {
  /** The module. */
  url: string;
  /** The path to the export, in its namespace. */
  path: string[];
  bytes?: Uint8Array;
  prepared?: boolean;
  /** The field of what arrives that is told, instead of whether it is the export; `'import'`: the export itself. */
  tell?: string;
}

function pick(value: unknown, path: string[]): unknown {
  return path.reduce((object, key) => (object as Record<string, unknown>)[key], value);
}

for (;;) {
  const { url, path, bytes, prepared, tell: field } = await hear<Order>();
  try {
    if (field === 'import') {
      await tell(pick(await import(url), path));
    } else if (bytes === undefined) {
      await tell(serialize(pick(await import(url), path)));
    } else {
      if (prepared) await prepare(bytes);
      const arrived = deserialize(bytes);
      if (field !== undefined) await tell((arrived as Record<string, unknown>)[field]);
      else await tell(arrived === pick(await import(url), path));
    }
  } catch (error) {
    await tell(`${(error as Error).name}: ${(error as Error).message}`);
  }
}
