// Work of the kinds that an engine gives helper threads a part of: each target tells how many milliseconds it took.
import { work } from './work.js';

function timed(act) {
  const before = performance.now();
  act();
  return performance.now() - before;
}

/** A small function that is called often. */
export function calls() {
  let x = 1;
  return timed(() => {
    for (let i = 0; i < 600_000; i++) x = work(1000, x);
  });
}

/** One loop that is never left: it has to be compiled while it runs. */
export function loop() {
  return timed(() => work(600_000_000, 1));
}

/** Objects that die young. */
export function garbage() {
  return timed(() => {
    let sum = 0;
    for (let i = 0; i < 15_000_000; i++) sum += make(i).text.length;
    return sum;
  });
}

function make(i) {
  return { i, text: `${i}`, pair: [i, i + 1] };
}

/** A large heap that goes on changing. */
export function heap() {
  return timed(() => {
    const kept = new Map();
    for (let i = 0; i < 2_500_000; i++) kept.set(i % 600_000, make(i));
    return kept.size;
  });
}

/** Many different functions, none of which is called for long. */
export function sources() {
  return timed(() => {
    let sum = 0;
    for (let i = 0; i < 3_000; i++) {
      const fn = new Function(
        'n',
        `let x = ${i}; for (let i = 0; i < n; i++) x = (x * 31 + i * ${i}) % 65_521; return x;`,
      );
      for (let round = 0; round < 20; round++) sum += fn(100);
    }
    return sum;
  });
}

/** A module of 400 functions, compiled and called. */
export async function wasm() {
  const bytes = moduleOf(400, 250);
  const before = performance.now();
  for (let i = 0; i < 5; i++) {
    const { instance } = await WebAssembly.instantiate(bytes);
    for (let round = 0; round < 2_000; round++) for (let f = 0; f < 400; f += 40) instance.exports[`f${f}`](round);
  }
  return performance.now() - before;
}

/** Functions i32 → i32, each of so many steps. */
function moduleOf(functions, steps) {
  const number = (n) => {
    const bytes = [];
    do {
      bytes.push((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
      n >>>= 7;
    } while (n > 0);
    return bytes;
  };
  const section = (id, content) => [id, ...number(content.length), ...content];
  const list = (items) => [...number(items.length), ...items.flat()];
  const indices = Array.from({ length: functions }, (_, i) => i);
  // local.get 0; i32.const 13; i32.mul; i32.const 7; i32.xor; local.set 0
  const step = [0x20, 0, 0x41, 13, 0x6c, 0x41, 7, 0x73, 0x21, 0];
  const body = [0, ...Array.from({ length: steps }, () => step).flat(), 0x20, 0, 0x0b];
  const name = (i) => [...Buffer.from(`f${i}`)];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, list([[0x60, 1, 0x7f, 1, 0x7f]])),
    ...section(3, list(indices.map(() => [0]))),
    ...section(7, list(indices.map((i) => [...number(name(i).length), ...name(i), 0, ...number(i)]))),
    ...section(10, list(indices.map(() => [...number(body.length), ...body]))),
  ]);
}
