/** Sends numbered messages through the end of a pipe until it is killed. */
import { type Connection, deserialize } from 'multiproc';
import { hear } from '../harness/parent.js';

const { end, large } = await hear<{ end: Uint8Array; large: boolean }>();
const connection = deserialize(end) as Connection;
for (let i = 0; ; i++) {
  const bytes = Buffer.alloc(large ? 300_000 : 4 + (i % 3000), i % 256);
  bytes.writeUInt32LE(i);
  connection.sendBytesSync(bytes);
}
