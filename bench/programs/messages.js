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
  object: (i) => ({ id: i, name: `user ${i & 1023}`, ok: (i & 1) === 0, score: i * 0.5, tags: ['alpha', 'beta'] }),
};
