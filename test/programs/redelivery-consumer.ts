/**
 * A consumer of a joinable queue that is killed: one that took everything and never says that it is done, or one that counts
 * what it deals with in a shared array, and acknowledges.
 */
import { deserialize, JoinableQueue, type SharedArray } from 'multiproc';
import { hear, tell } from '../harness/parent.js';

const given = deserialize(await hear<Uint8Array>());

if (given instanceof JoinableQueue) {
  given.getManySync(2);
  await tell('has it');
  await hear();
} else {
  const { queue, seen } = given as { queue: JoinableQueue<unknown>; seen: SharedArray & Int32Array };
  await tell('ready');
  for (;;) {
    const message = queue.getSync();
    const i =
      typeof message === 'number' ? message : Array.isArray(message) ? message[0] : (message as { i: number }).i;
    Atomics.add(seen, i, 1);
    queue.taskDone();
  }
}
