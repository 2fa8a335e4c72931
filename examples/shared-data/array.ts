import { SharedArray } from 'multiproc';

const samples = new SharedArray('d', 4);
console.log(samples instanceof Float64Array); // → true
samples.set([4, 1, 3, 2]);
console.log(samples.sort().join(' ')); // → 1 2 3 4
console.log(samples.map((x) => x * x).join(' ')); // → 1 4 9 16

const counters = new SharedArray('i', [0, 10]);
Atomics.add(counters, 1, 5); // as atomic as Value.add
console.log(counters[1]); // → 15

const text = new SharedArray('c', 20);
text.value = 'hello';
console.log(text.value.toString(), text.raw.length); // → hello 20

samples.close();
console.log(samples.length, samples[0]); // → 0 undefined
counters.close();
text.close();
