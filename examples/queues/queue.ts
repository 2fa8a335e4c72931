import { Queue } from 'multiproc';

const queue = new Queue<{ job: number } | string>();

await queue.put({ job: 1 }); // a promise: the event loop goes on
queue.putSync('blocks where it has to wait');
console.log(queue.qsize()); // → 2

console.log(await queue.get()); // → { job: 1 }
console.log(queue.getSync()); // → blocks where it has to wait
console.log(queue.tryGet()); // → undefined

await queue.putMany(['a', 'b', 'c']); // many under one lock
console.log(await queue.getMany(10)); // → [ 'a', 'b', 'c' ]

await queue.put('last');
queue.end(); // nobody puts any more: readers drain, then stop
for await (const item of queue) console.log(item); // → last

queue.close();
