import t from 'tap';
import { check } from './check.mjs';

export const own = (x) => x + 1;

t.test('own function', () => check(own, import.meta.url));
