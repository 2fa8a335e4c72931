import { Value } from 'multiproc';

// Any program that opens this name has the same number. The first one decides what it starts with.
const visits = new Value('i', 0, { name: `example.visits.${process.pid}` });

visits.add(1); // one atomic step, whoever else adds
visits.value += 1; // two steps: read, write. Somebody may come in between
console.log(visits.value); // → 2

const mean = new Value('d', 10);
console.log(mean.updateSync((x) => x * 0.9 + 20 * 0.1)); // → 11

// The lock is for what belongs together.
visits.getLock().runSync(() => {
  if (visits.value > 1) visits.value = 0;
});
console.log(visits.value); // → 0

visits.unlink(); // a name lasts until then
visits.close();
mean.close();
