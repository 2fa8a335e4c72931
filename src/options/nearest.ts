/** The known name that a misspelt one most resembles. */

/** `undefined` where no name is near: more than a third of the letters would have to change. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = lettersOf(name);
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of known) {
    const letters = lettersOf(candidate);
    const distance = distanceOf(plain, letters);
    if (distance < least && distance <= Math.max(plain.length, letters.length) / 3 + 1) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

/** Neither capitals nor underscores make a name another one. */
function lettersOf(name: string): string {
  return name.slice(0, 64).toLowerCase().replaceAll(/[-_]/g, '');
}

/** Letters to insert, delete, replace, or swap with their neighbour (optimal string alignment). */
function distanceOf(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (last[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      let cost = Math.min(replaced, (last[j] as number) + 1, (row[j - 1] as number) + 1);
      if (from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1] && i > 1 && j > 1) {
        cost = Math.min(cost, (beforeLast[j - 2] as number) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[to.length] as number;
}
