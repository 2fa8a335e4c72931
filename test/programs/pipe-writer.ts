/** Writes ten messages to the end of a pipe and closes it. */
import { type Connection, deserialize } from 'multiproc';
import { hangUp, hear } from '../harness/parent.js';

const { end, index } = await hear<{ end: Uint8Array; index: number }>();
const connection = deserialize(end) as Connection;
for (let i = 0; i < 10; i++) connection.sendSync(index * 100 + i);
connection.close();
hangUp();
