/** The memory of received Buffers: nobody writes into it again, and it is aligned. */
import { Queue } from 'multiproc';
import t from 'tap';
import { leaveNothing } from '../harness/leftovers.js';

leaveNothing(t);

t.test('received Buffers of any size keep what they received, and are aligned', async (t) => {
  const queue = new Queue<Buffer>();
  const sizes = [0, 1, 511, 512, 513, 1001, 1024, 4095, 4096, 4097, 32_767, 32_768, 40_000];
  const received: Buffer[] = [];
  for (let round = 0; round < 40; round++) {
    for (const size of sizes) {
      queue.putSync(Buffer.alloc(size, received.length & 0xff));
      received.push(queue.getSync());
    }
  }
  for (const [i, buffer] of received.entries()) {
    const size = sizes[i % sizes.length] as number;
    if (buffer.length !== size || !buffer.every((byte) => byte === (i & 0xff))) t.fail(`message ${i} changed`);
    if (size >= 512 && buffer.byteOffset % 8 !== 0) t.fail(`message ${i} lies at ${buffer.byteOffset}`);
    if (size > 4096 && buffer.buffer.byteLength !== size) t.fail(`message ${i} shares its memory`);
  }
  queue.close();
});
