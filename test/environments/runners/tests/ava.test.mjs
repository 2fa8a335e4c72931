import test from 'ava';
import { check } from './check.mjs';

export const own = (x) => x + 1;

test('own function', async (t) => {
  await check(own, import.meta.url);
  t.pass();
});
