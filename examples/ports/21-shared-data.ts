// Values and arrays of several types, changed in a child and seen by its parent.
import { isMainProcess, Lock, Process, SharedArray, Struct, Value } from 'multiproc';

export const Point = Struct({ x: 'd', y: 'd' });

const n = new Value('i', 7);
const b = new Value('bool', false, { lock: false });
const lock = new Lock();
const s = new SharedArray('c', Buffer.from('hello world'), { lock });
const arr = new SharedArray('i', [0, 1, 2, 3, 4]);
const A = new SharedArray(Point, [[1.875, -6.25], [-5.75, 2.0]], { lock }); // biome-ignore format: as a table

export function modify(n_: typeof n, b_: typeof b, s_: typeof s, arr_: typeof arr, A_: typeof A): void {
  n_.value **= 2;
  b_.value = true;
  s_.value = s_.value.toString().toUpperCase();
  arr_[0] = 10;
  for (const a of A_) {
    a.x **= 2;
    a.y **= 2;
  }
}

if (isMainProcess) {
  const p = new Process({ target: modify, args: [n, b, s, arr, A] });
  p.start();
  await p.join();

  console.log(n.value); // → 49
  console.log(b.value); // → true
  console.log(s.value.toString()); // → HELLO WORLD
  console.log([...arr]); // → [ 10, 1, 2, 3, 4 ]
  console.log(JSON.stringify([...A].map((a) => [a.x, a.y]))); // → [[3.515625,39.0625],[33.0625,4]]
}
