import { check } from './check.mjs';

export const own = (x) => x + 1;

describe('multiproc', () => {
  it('own function', () => check(own, import.meta.url));
});
