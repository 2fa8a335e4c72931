/** A module that the parent of a pool does not load by itself, and cannot require. */
export class Farther {
  readonly isFarther = true;
}

await Promise.resolve();
