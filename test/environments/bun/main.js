import { Event, Lock, Process, Queue, SharedArray, Value } from 'multiproc';

console.log(await new Lock().run(() => 'lock works'));
const value = new Value('i', 1);
value.add(2);
console.log('value', value.value);
console.log('array', new SharedArray('d', [1, 2])[1]);
const event = new Event();
setTimeout(() => event.set(), 20);
console.log('event', await event.wait(5000));
const queue = new Queue();
await queue.put('text');
console.log('queue', await queue.get());
try {
  new Process({ target: { module: 'file:///none.mjs' } }).start();
} catch (error) {
  console.log(error.message);
}
process.exit(0);
