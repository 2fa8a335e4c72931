/**
 * The realm that this package runs in. Test runners run each test file in a vm context, with classes of its own; what V8 makes of
 * bytes has the classes of the thread's main context, of which `instanceof` and `toStrictEqual` there know nothing.
 */
import { runInThisContext } from 'node:vm';

/** Whether this is a vm context: built-in modules belong to the main one. */
export const isInContext: boolean = Object.getPrototypeOf(process.getBuiltinModule('node:fs')) !== Object.prototype;

const names = [
  'Object Array Map Set Date RegExp Boolean Number String BigInt ArrayBuffer DataView Int8Array Uint8Array Uint8ClampedArray',
  'Int16Array Uint16Array Int32Array Uint32Array Float16Array Float32Array Float64Array BigInt64Array BigUint64Array',
  'Error EvalError RangeError ReferenceError SyntaxError TypeError URIError AggregateError',
]
  .join(' ')
  .split(' ');

let prototypes: Map<object | null, object> | undefined;

/** Gives a value that V8 made, and everything in it, the classes of this realm. */
export function adopt<T>(value: T): T {
  if (!isInContext) return value;
  prototypes ??= prototypesOfMain();
  const seen = new Set<unknown>();
  const left: unknown[] = [value];
  while (left.length > 0) {
    const one = left.pop();
    if (typeof one !== 'object' || one === null || seen.has(one)) continue;
    seen.add(one);
    const ours = prototypes.get(Object.getPrototypeOf(one));
    // Instances of other classes were made here.
    if (ours === undefined) continue;
    if (Object.getPrototypeOf(one) !== ours) Object.setPrototypeOf(one, ours);
    if (ArrayBuffer.isView(one)) continue;
    for (const key of Object.getOwnPropertyNames(one)) left.push(Object.getOwnPropertyDescriptor(one, key)?.value);
    if (one instanceof Map) left.push(...one.keys(), ...one.values());
    else if (one instanceof Set) left.push(...one);
  }
  return value;
}

/** By the main context's prototype, and by ours: what was made here may hold what was not. */
function prototypesOfMain(): Map<object | null, object> {
  const found = new Map<object | null, object>();
  for (const name of names) {
    const ours = (globalThis as unknown as Record<string, { prototype: object } | undefined>)[name];
    const its = runInThisContext(`globalThis.${name}`) as { prototype: object } | undefined;
    if (ours === undefined || its === undefined) continue;
    found.set(its.prototype, ours.prototype);
    found.set(ours.prototype, ours.prototype);
  }
  return found;
}
