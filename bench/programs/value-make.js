// Makes and drops anonymous values, or tells how much shared memory 100,000 of them take.
import { readFileSync } from 'node:fs';
import { RawValue, Struct, Value } from 'multiproc';
import { nanoseconds, report } from './measure.js';

const Point = Struct({ x: 'd', y: 'd' });
const makers = {
  value: () => new Value('i'),
  raw: () => new RawValue('i'),
  struct: () => new Value(Point),
};

const make = makers[process.argv[2]];
if (make !== undefined) {
  const ns = nanoseconds(
    (n) => {
      for (let i = 0; i < n; i++) make().close();
    },
    { iterations: 20_000 },
  );
  report({ us: ns / 1000 });
} else {
  const before = mapped();
  const values = Array.from({ length: 100_000 }, makers.value);
  report({ mib: (mapped() - before) / 2 ** 20 });
  for (const value of values) value.close();
}

function mapped() {
  let bytes = 0;
  for (const [, start, end] of readFileSync('/proc/self/maps', 'latin1').matchAll(
    /^([0-9a-f]+)-([0-9a-f]+) .*\/dev\/shm\/(?!multiproc-r\d)/gm,
  )) {
    bytes += Number.parseInt(end, 16) - Number.parseInt(start, 16);
  }
  return bytes;
}
