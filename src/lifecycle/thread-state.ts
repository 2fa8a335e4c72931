/**
 * State that all copies of this package in a thread share. Jest and vitest load a copy into the vm context of each test file, but a thread
 * has the addon once, and the addon has one channel for each kind of wait.
 */
import { native } from '../native.js';

const key = Symbol.for('multiproc.threadState');

/** The state of that name, which the first copy to ask makes. */
export function threadState<T extends object>(name: string, make: () => T): T {
  const holder = native as unknown as Record<symbol, Record<string, object> | undefined>;
  holder[key] ??= Object.create(null) as Record<string, object>;
  const states = holder[key];
  states[name] ??= make();
  return states[name] as T;
}
