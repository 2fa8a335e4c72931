// Numbers from 0 to `count - 1`, drawn from a Zipf distribution with the exponent 0.99; the same for the same seed.
export function zipf(count, length, seed = 7) {
  let state = seed;
  const sums = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) sums[i] = sum += 1 / (i + 1) ** 0.99;
  return Int32Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    const wanted = (state / 0x80000000) * sum;
    let low = 0;
    for (let high = count - 1; low < high; ) {
      const middle = (low + high) >> 1;
      if (sums[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  });
}
