/** Makes many objects, and prints how many descriptors that takes: before, then for each kind. */
import { readdirSync } from 'node:fs';
import { Event, JoinableQueue, Lock, Pipe, Queue, SharedArray, SimpleQueue } from 'multiproc';

const count = 400;
const kinds: Record<string, () => unknown> = {
  Queue: () => {
    const queue = new Queue<number>();
    queue.putSync(1);
    return queue;
  },
  JoinableQueue: () => new JoinableQueue(),
  SimpleQueue: () => new SimpleQueue(),
  Pipe: () => Pipe(),
  SharedArray: () => new SharedArray('d', 10_000),
  Lock: () => new Lock(),
  Event: () => new Event(),
};

const descriptors = () => readdirSync('/proc/self/fd').length;
const made: unknown[] = [];
const taken: Record<string, number> = { none: descriptors() };
for (const [kind, make] of Object.entries(kinds)) {
  for (let i = 0; i < count; i++) made.push(make());
  taken[kind] = descriptors();
}
// The memory of a queue grows, and is given back, without a descriptor of its own.
const queue = made[0] as Queue<unknown>;
queue.getSync();
for (let i = 0; i < 8; i++) queue.putSync(Buffer.alloc(2_000_000, i));
for (let i = 0; i < 8; i++) if ((queue.getSync() as Buffer)[1_999_999] !== i) throw new Error('torn');
console.log(JSON.stringify(taken));
