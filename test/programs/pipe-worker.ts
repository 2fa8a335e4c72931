/** Receives messages from the end of a pipe until nobody sends any more, and tells which came and how many were torn. */
import { type Connection, deserialize, EOFError } from 'multiproc';
import { hangUp, hear, tell } from '../harness/parent.js';

const end = deserialize(await hear<Uint8Array>()) as Connection;
await tell('ready');
const indices: number[] = [];
let torn = 0;
for (;;) {
  try {
    const message = indices.length % 2 === 0 ? end.recvBytesSync() : await end.recvBytes();
    const index = message.readUInt32LE(0);
    if (!message.subarray(4).equals(Buffer.alloc(message.length - 4, index % 256))) torn++;
    indices.push(index);
  } catch (error) {
    if (!(error instanceof EOFError)) throw error;
    break;
  }
}
end.close();
await tell({ indices, torn });
hangUp();
