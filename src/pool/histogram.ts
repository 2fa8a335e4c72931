/** Histogram of durations, in buckets a sixteenth of their size wide: percentiles are right to 6 %. */

/** Summary of a histogram, in ms. All 0 while nothing was recorded. */
export interface HistogramSummary {
  /** Number of records. */
  readonly count: number;
  /** The shortest duration. */
  readonly min: number;
  /** The longest duration. */
  readonly max: number;
  /** The arithmetic mean. */
  readonly mean: number;
  /** The median. */
  readonly p50: number;
  /** 90 % took no longer. */
  readonly p90: number;
  /** 99 % took no longer. */
  readonly p99: number;
}

const bucketsOfPower = 16;
const powers = 48;

export class Histogram {
  /** Counts by nanoseconds. */
  readonly #buckets = new Float64Array(powers * bucketsOfPower);
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = 0;

  record(ms: number): void {
    const value = ms > 0 ? ms : 0;
    this.#count++;
    this.#sum += value;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
    const index = indexOf(value * 1e6);
    this.#buckets[index] = (this.#buckets[index] as number) + 1;
  }

  summary(): HistogramSummary {
    if (this.#count === 0) return { count: 0, min: 0, max: 0, mean: 0, p50: 0, p90: 0, p99: 0 };
    return {
      count: this.#count,
      min: this.#min,
      max: this.#max,
      mean: this.#sum / this.#count,
      p50: this.#percentile(0.5),
      p90: this.#percentile(0.9),
      p99: this.#percentile(0.99),
    };
  }

  #percentile(part: number): number {
    let left = Math.ceil(this.#count * part);
    for (let i = 0; i < this.#buckets.length; i++) {
      left -= this.#buckets[i] as number;
      if (left <= 0) return Math.min(Math.max(middleOf(i) / 1e6, this.#min), this.#max);
    }
    return this.#max;
  }
}

/** Index of a bucket: those below 16 hold one number each. */
function indexOf(nanoseconds: number): number {
  if (nanoseconds < bucketsOfPower) return nanoseconds | 0;
  let power = 0;
  let rest = nanoseconds;
  // Reduces the number to the range of shifts.
  if (rest >= 2 ** 31) {
    rest /= 2 ** 24;
    power = 24;
  }
  const shift = 27 - Math.clz32(rest);
  const index = (power + shift + 1) * bucketsOfPower + ((rest >>> shift) & (bucketsOfPower - 1));
  return Math.min(index, powers * bucketsOfPower - 1);
}

function middleOf(index: number): number {
  if (index < bucketsOfPower) return index;
  const shift = (index >> 4) - 1;
  return (bucketsOfPower + (index & (bucketsOfPower - 1)) + 0.5) * 2 ** shift;
}
