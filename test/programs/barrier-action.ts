/** Comes last to a barrier, and never ends its action: for barrier.test.ts. */
import { Barrier, Event } from 'multiproc';

const name = process.argv[2] as string;
const running = new Event({ name: `${name}running` });
const barrier = new Barrier(2, {
  name,
  action() {
    running.set();
    return new Promise(() => setInterval(() => {}, 60_000));
  },
});
await barrier.wait();
