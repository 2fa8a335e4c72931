// What the children of the process benchmarks run: nothing but telling when they got so far.
export function firstLine() {
  return process.hrtime.bigint();
}

export function nothing() {}

export function idle() {
  setTimeout(() => {}, 1_000_000);
  return 'ready';
}
