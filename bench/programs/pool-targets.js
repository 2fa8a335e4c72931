// What the workers of every pool run: the same functions for all.
export function nothing() {}

export function twice(x) {
  return 2 * x;
}

export function echo(value) {
  return value;
}

/** Some milliseconds of work for the processor, without memory. */
export function spin(n) {
  let x = n | 1;
  for (let i = 0; i < 4_000_000; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
  return x;
}

/** The same with many small objects. */
export function allocate(n) {
  let kept = [];
  let sum = 0;
  for (let i = 0; i < 60_000; i++) {
    kept.push({ i, text: `item ${i + n}`, list: [i, n] });
    if (kept.length === 5000) {
      sum += kept.reduce((total, { list }) => total + list[0], 0);
      kept = [];
    }
  }
  return sum;
}

/** For pools that give a worker one argument and take a chunk for a task. */
export function mapTwice(items) {
  return items.map(twice);
}

export default function run({ name, value }) {
  return functions[name](value);
}

const functions = { nothing, twice, echo, spin, allocate, mapTwice };
