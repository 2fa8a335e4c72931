/** Where things are on the board of a pool, as far as those need to know who look at it from outside. */

/** `flags` of an array that is the board of a pool. */
export const boardFlag = 1;

/** Words of a worker's row. Behind the rows follows a bit for each place of a task. */
export const rowWords = 16;

/** So many tasks may be in the ring or being run. */
export const mostPlaces = 32_768;

/** The word of a row that tells the {@link WorkerState}. */
export const stateWord = 0;

/** What a worker does at the moment. */
export const WorkerState = {
  starting: 0,
  idle: 1,
  busy: 2,
  /** It has done what it was to do, and takes no more. */
  retired: 3,
} as const;
export type WorkerState = (typeof WorkerState)[keyof typeof WorkerState];

/** How many words a board has. */
export function boardLength(workers: number): number {
  return workers * rowWords + mostPlaces / 32;
}

/** How many workers' rows a board of so many words has. */
export function workersOn(length: number): number {
  return (length - mostPlaces / 32) / rowWords;
}
