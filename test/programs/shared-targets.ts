/** What the children of the tests of shared data run. */
import type { RawArray, RawValue, StructType } from 'multiproc';

type Pair = StructType<{ x: 'i'; y: 'd' }>;

export interface Shared {
  number: RawValue<'i'>;
  fraction: RawValue<'d'>;
  wide: RawValue<'q'>;
  pair: RawValue<Pair>;
  doubles: RawArray<'d'>;
  text: RawArray<'c'>;
}

export function double({ number, fraction, wide, pair, doubles, text }: Shared): void {
  number.value *= 2;
  fraction.value *= 2;
  wide.value *= 2n;
  pair.x *= 2;
  pair.y *= 2;
  for (let i = 0; i < doubles.length; i++) (doubles[i] as number) *= 2;
  text.value = Buffer.concat([text.value, text.value]);
}

/** As `double`, holding the locks. */
export function doubleLocked(shared: Shared & { number: { getLock(): { runSync(fn: () => void): void } } }): void {
  shared.number.getLock().runSync(() => double(shared));
}
