/** Makes and checks large Buffers. */

/** A Buffer with a different byte at each end and in each MiB. */
export function filled(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += 2 ** 20) bytes[at] = at / 2 ** 20 + 1;
  if (size > 0) bytes[size - 1] = 77;
  return bytes;
}

/** The length and a sum of what {@link filled} set; with a second argument also whether that is the same object. */
export function sum(bytes: Buffer, more?: { again: Buffer }): [number, number, ...boolean[]] {
  let total = bytes[bytes.length - 1] ?? 0;
  for (let at = 0; at < bytes.length; at += 2 ** 20) total = (total * 31 + (bytes[at] as number)) % 1_000_003;
  return more === undefined ? [bytes.length, total] : [bytes.length, total, more.again === bytes];
}
