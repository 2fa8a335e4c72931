// Adds 1 to one field of each of a million structs, or does the same without structs.
import { SharedArray, Struct } from 'multiproc';
import { nanoseconds, report } from './measure.js';

const length = 1_000_000;
const numbers = new Float64Array(2 * length);

/** The least that an object with a live field can be. */
class Minimal {
  #at;
  constructor(at) {
    this.#at = at;
  }
  get x() {
    return numbers[this.#at];
  }
  set x(value) {
    numbers[this.#at] = value;
  }
}

const contestants = {
  plain: [() => new Float64Array(length), addPlain],
  strided: [() => new Float64Array(2 * length), addStrided],
  objects: [() => Array.from({ length }, () => ({ x: 0.5, y: 0.5 })), addIndexed],
  minimal: [() => Array.from({ length }, (_, i) => new Minimal(2 * i)), addIndexed],
  index: [() => new SharedArray(Struct({ x: 'd', y: 'd' }), length), addIndexed],
  at: [() => new SharedArray(Struct({ x: 'd', y: 'd' }), length), addAt],
  buffer: [() => new SharedArray(Struct({ x: 'd', y: 'd' }), length), addBuffer],
};
const [make, add] = contestants[process.argv[2]];
const array = make();
for (let i = 0; i < 10; i++) add(array);
report({
  ns: nanoseconds(
    (n) => {
      for (let done = 0; done < n; done += length) add(array);
    },
    { iterations: length },
  ),
});
array.close?.();

function addPlain(a) {
  for (let i = 0; i < length; i++) a[i] += 1;
}

function addStrided(a) {
  for (let i = 0; i < length; i++) a[2 * i] += 1;
}

function addIndexed(a) {
  for (let i = 0; i < length; i++) a[i].x += 1;
}

function addAt(a) {
  for (let i = 0; i < length; i++) a.at(i).x += 1;
}

function addBuffer(a) {
  const d = new Float64Array(a.buffer);
  for (let i = 0; i < length; i++) d[2 * i] += 1;
}
