import test from 'node:test';
import { check } from './check.mjs';

export const own = (x) => x + 1;

test('own function', () => check(own, import.meta.url));
