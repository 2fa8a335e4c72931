/** Another process in the tests of raw memory: attaches by name or by handle, and writes. */
import { deserialize, SharedMemory } from 'multiproc';
import { hangUp, hear, tell } from '../harness/parent.js';

interface Order {
  name?: string;
  handle?: Uint8Array;
  text: string;
}

for (let order = await hear<Order | 'end'>(); order !== 'end'; order = await hear<Order | 'end'>()) {
  const memory =
    order.name === undefined
      ? (deserialize(order.handle as Uint8Array) as SharedMemory)
      : SharedMemory.open(order.name);
  const before = Buffer.from(memory.bytes.subarray(0, order.text.length)).toString();
  memory.bytes.set(Buffer.from(order.text));
  memory.close();
  await tell(before);
}
hangUp();
