export enum Unit {
  One = 1,
}

export function twice(x: number): number {
  return 2 * x * Unit.One;
}
