/** A module without imports, for workers with another root. */
export function double(x: number): number {
  return 2 * x;
}
