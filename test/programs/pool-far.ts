/** A module that the parent of a pool does not load by itself. */
export class Far {
  readonly isFar = true;
}
