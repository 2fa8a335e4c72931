/** A module that has to be waited for; with another query each time, so that nobody has it yet. */
await Promise.resolve();
if (process.env.TEST_LATE_FAILS === '1') throw new Error('not here');

export function late(): string {
  return new URL(import.meta.url).search;
}
