// Ours beside the bare atomic: add one to a shared number.
import { Value } from 'multiproc';
import { nanoseconds, report } from './measure.js';

function int32() {
  const value = new Value('i', 0);
  const ns = nanoseconds((n) => {
    for (let i = 0; i < n; i++) value.add(1);
  });
  value.close();
  return ns;
}

function numbers() {
  const value = new Value('q', 0, { numbers: true });
  const ns = nanoseconds((n) => {
    for (let i = 0; i < n; i++) value.add(1);
  });
  value.close();
  return ns;
}

function bigint() {
  const value = new Value('q', 0n);
  const ns = nanoseconds((n) => {
    for (let i = 0; i < n; i++) value.add(1n);
  });
  value.close();
  return ns;
}

function update() {
  const value = new Value('d', 0);
  const ns = nanoseconds((n) => {
    for (let i = 0; i < n; i++) value.updateSync((x) => x + 1);
  });
  value.close();
  return ns;
}

function bare() {
  const words = new Int32Array(new SharedArrayBuffer(4));
  return nanoseconds((n) => {
    for (let i = 0; i < n; i++) Atomics.add(words, 0, 1);
  });
}

const forms = { i: int32, numbers, q: bigint, update, bare };
report({ ns: forms[process.argv[2]]() });
