/** The class that a prototype belongs to. */

/** A class, or what takes the place of one. */
export type AnyClass = abstract new (...args: never[]) => object;

/** Its own constructor; `undefined` if it has only that of an ancestor. */
export function constructorOf(prototype: object): AnyClass | undefined {
  const found = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value as unknown;
  return typeof found === 'function' ? (found as AnyClass) : undefined;
}
