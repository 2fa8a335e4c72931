/**
 * Bounds on operations that walk a value as a tree: an array that is referred to many times is walked as often, so a message of a
 * few bytes can name a walk without end.
 */

/** Elements and characters that a walk may come to besides four times those that are there. */
const allowance = 2 ** 20;
const factor = 4;
/** Items that one call may copy out of objects of the server, for which no bytes came. */
export const maxCopied = 2 ** 23;
/** Arrays in each other that a walk enters. */
const maxLevels = 10_000;

/**
 * Checks a walk over nested arrays, as `join`, `flat` and `String` do it.
 *
 * @param depth levels of arrays below the value that `flat` enters; without, as `join` and `String`, which enter all of them,
 *   but none that they are in
 * @throws RangeError if it would come to many more elements than there are
 */
export function checkUnfolded(value: unknown, depth?: number): void {
  if (!Array.isArray(value)) return;
  const seen = new Set<unknown>();
  const open: { array: unknown[]; at: number; isNew: boolean }[] = [];
  const within = new Set<unknown>();
  let [walked, there] = [0, 0];
  const enter = (array: unknown[]) => {
    const isNew = !seen.has(array);
    seen.add(array);
    within.add(array);
    open.push({ array, at: 0, isNew });
  };
  enter(value);
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    if (top.at >= top.array.length) {
      open.pop();
      within.delete(top.array);
      continue;
    }
    const item = top.array[top.at++];
    const weight = weightOf(item);
    walked += weight;
    if (top.isNew) there += weight;
    if (walked > allowance + factor * there) {
      throw new RangeError(
        `Expected arrays that do not refer to the same array so often: there are ${there} elements and characters, ` +
          `and a walk through all references would come to more than ${walked}`,
      );
    }
    if (!Array.isArray(item) || !(depth === undefined ? !within.has(item) : open.length <= depth)) continue;
    if (open.length > maxLevels) throw new RangeError(`Expected at most ${maxLevels} arrays in each other`);
    enter(item);
  }
}

function weightOf(item: unknown): number {
  if (typeof item === 'string') return item.length + 1;
  return ArrayBuffer.isView(item) ? item.byteLength + 1 : 1;
}

/** As `String(value)`. @throws RangeError as {@link checkUnfolded} */
export function textOf(value: unknown): string {
  checkUnfolded(value);
  return String(value);
}

/** Sorts as `Array.prototype.sort` without a function, which would make the text of an item anew for each comparison. */
export function sortByTexts(array: unknown[]): void {
  checkUnfolded(array);
  const texts = new Map<object, string>();
  const keyed = array.filter((item) => item !== undefined).map((item) => ({ item, text: keyOf(item, texts) }));
  keyed.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  for (let i = 0; i < array.length; i++) array[i] = keyed[i]?.item;
}

function keyOf(item: unknown, texts: Map<object, string>): string {
  if (typeof item !== 'object' || item === null) return String(item);
  let text = texts.get(item);
  if (text === undefined) {
    text = textOf(item);
    texts.set(item, text);
  }
  return text;
}

/** @throws RangeError for more items than a call may copy out of objects of the server */
export function checkCopied(count: number): void {
  if (count <= maxCopied) return;
  throw new RangeError(`Expected at most ${maxCopied} items from objects of the manager in one call, got ${count}`);
}
