// Medians and quantiles, of numbers and of records of numbers.

export function quantile(numbers, q) {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
}

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The median of each numeric field; booleans hold only if they held in every record. */
export function medians(records) {
  const result = {};
  for (const [key, first] of Object.entries(records[0])) {
    const values = records.map((record) => record[key]);
    if (typeof first === 'number') result[key] = median(values);
    else if (typeof first === 'boolean') result[key] = values.every(Boolean);
    else result[key] = first;
  }
  return result;
}
