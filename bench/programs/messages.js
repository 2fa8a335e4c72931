// The messages of the benchmarks of queues.
const text = 'x'.repeat(100);
const kib = Buffer.alloc(1024, 1);
const kib64 = Buffer.alloc(64 * 1024, 1);
const mib = Buffer.alloc(1024 * 1024, 1);

export const messages = {
  integer: (i) => i & 0xffff,
  text: () => text,
  kib: () => kib,
  kib64: () => kib64,
  mib: () => mib,
};
