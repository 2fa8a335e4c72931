/** New randomness for a forked child, whose generators would otherwise repeat what its parent and its siblings draw. */
import { native } from '../native.js';
import { isLoaded } from './loaded-builtins.js';

// Draws that node:crypto takes from one filling of its caches.
const uuidsPerFilling = 128;
const integersPerFilling = 1024;
const widestRange = 2 ** 48 - 1;

let caches: readonly Uint8Array[] | undefined;

/** Remembers the caches of node:crypto: filling them again takes less time than using them up. */
export function knowCaches(known: readonly Uint8Array[]): void {
  caches = known;
}

export function freshRandomness(): void {
  const seed = new Int32Array(4);
  native.fillRandom(new Uint8Array(seed.buffer));
  const [a = 0, b = 0, c = 0, d = 0] = seed;
  Math.random = generator(a, b, c, d);
  refillCaches();
}

// OpenSSL notices a fork by itself. These two read ahead from it, and draw anew after one round through their caches,
// which reaches also those who imported them by name.
function refillCaches(): void {
  if (caches !== undefined) {
    for (const cache of caches) native.fillRandom(cache);
    return;
  }
  if (isLoaded('internal/crypto/random')) {
    for (let i = 0; i < uuidsPerFilling; i++) globalThis.crypto.randomUUID();
  }
  if (isLoaded('crypto')) {
    const { randomInt } = process.getBuiltinModule('node:crypto');
    for (let i = 0; i < integersPerFilling; i++) randomInt(widestRange);
  }
}

// V8 has no way to seed its generator again. This one, Marsaglia's xorshift with 128 bits of state, takes two words for
// the 53 bits of a double.
function generator(x: number, y: number, z: number, w: number): () => number {
  const next = () => {
    const t = x ^ (x << 11);
    x = y;
    y = z;
    z = w;
    w = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    return w;
  };
  return function random() {
    return ((next() >>> 5) * 0x4000000 + (next() >>> 6)) / 0x20000000000000;
  };
}
